"""A1: a finish reason, and then no end: no `[DONE]`, a connection that stays open, or one that breaks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.chat_backend import Answer, ChatBackend, json_answer, sse_answer
from tests.support.checks import check_events, check_frames, check_response
from tests.support.live import USAGE, LiveProxy, chunk, config_for, said
from tests.support.translation import text_of

COUNTED = chunk(choices=[], usage=USAGE)
PING = b": ping\n\n"


def finished(*rest: Any, **options: Any) -> Answer:
    """A finished answer whose upstream goes on like this."""
    return sse_answer([chunk({"content": "hi"}), chunk(finish="stop"), *rest], done=False, **options)


def never() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.upstream.body._GRACE_SECONDS", 0.02)


WHOLE = len(b"".join(write for write in finished(COUNTED).writes if isinstance(write, bytes)))


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("make", "counted"),
    [
        (lambda: finished(COUNTED, never()), True),
        (lambda: finished(COUNTED, PING, PING, never()), True),
        (lambda: finished(never()), False),
        (lambda: finished(COUNTED, b": cut", cut_after=WHOLE, cut="reset"), True),
        (lambda: finished(COUNTED, b": cut", cut_after=WHOLE), True),
        (lambda: finished(COUNTED, b"data: {broken", never()), True),
        (lambda: finished(COUNTED), True),
    ],
    ids=["silence", "pings", "silence, no usage", "reset", "chunked body cut", "half an event", "closed"],
)
async def test_a1_a_finished_answer_is_completed(make: Any, counted: bool, stream: bool) -> None:
    async with ChatBackend() as backend, LiveProxy(config_for(backend.base_url)) as proxy:
        backend.script(make(), said("next"))
        answer = await proxy.http.post("/responses", json={"model": "m", "input": "hi", "stream": stream})
        assert answer.status_code == 200
        response = check_events(check_frames(answer.content)) if stream else answer.json()
        check_response(response)
        assert response["status"] == "completed"
        assert text_of(response) == "hi"
        if counted:
            assert response["usage"]["total_tokens"] == 8
        # What is left of it does not reach the next answer.
        again = await proxy.http.post("/responses", json={"model": "m", "input": "hi"})
        assert text_of(again.json()) == "next"


async def test_a1_what_goes_on_after_a_finish_reason_is_read() -> None:
    late = [chunk({"content": " there"}), chunk(finish="stop"), COUNTED]
    async with ChatBackend() as backend, LiveProxy(config_for(backend.base_url)) as proxy:
        backend.script(finished(*late))
        answer = await proxy.http.post("/responses", json={"model": "m", "input": "hi"})
        assert text_of(answer.json()) == "hi there"


async def test_a1_an_answer_without_a_finish_reason_still_fails() -> None:
    async with ChatBackend() as backend, LiveProxy(config_for(backend.base_url)) as proxy:
        backend.script(sse_answer([chunk({"content": "hi"})], done=False))
        answer = await proxy.http.post("/responses", json={"model": "m", "input": "hi", "stream": True})
        assert check_events(check_frames(answer.content))["status"] == "failed"


async def test_a1_a_whole_answer_whose_connection_breaks_behind_it_is_one() -> None:
    message = {"role": "assistant", "content": "hi"}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USAGE}
    whole = json_answer(body, framing="chunked")
    size = sum(len(write) for write in whole.writes if isinstance(write, bytes))
    broken = Answer(writes=[*whole.writes, b" "], framing="chunked", cut_after=size)
    async with ChatBackend() as backend, LiveProxy(config_for(backend.base_url)) as proxy:
        backend.script(broken)
        answer = await proxy.http.post("/responses", json={"model": "m", "input": "hi"})
        assert text_of(answer.json()) == "hi"


BROKEN = b"data: {broken}\n\n"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("rest", "counted"),
    [
        ((BROKEN, COUNTED, b"data: [DONE]\n\n"), True),
        ((COUNTED, BROKEN, never()), True),
        ((b"data: [1, 2]\n\n",), False),
        ((b'data: {"choices":"none"}\n\n', COUNTED), True),
        ((BROKEN + BROKEN, COUNTED), True),
    ],
)
async def test_a1_what_cannot_be_read_behind_a_finish_reason_is_reported(
    rest: Any, counted: bool, stream: bool
) -> None:
    async with ChatBackend() as backend, LiveProxy(config_for(backend.base_url)) as proxy:
        backend.script(finished(*rest))
        answer = await proxy.http.post("/responses", json={"model": "m", "input": "hi", "stream": stream})
        response = check_events(check_frames(answer.content)) if stream else answer.json()
        assert (response["status"], text_of(response)) == ("completed", "hi")
        if counted:
            assert response["usage"]["total_tokens"] == 8
        if not stream:
            assert "finish_reason" in answer.headers["x-dragoman-adapted"]


NOTHING = [
    {},
    {"choices": []},
    {"choices": [5]},
    {"choices": [{}]},
    {"usage": USAGE},
    {"x_answer": "hello"},
    {"choices": [{"index": 0, "delta": {"content": 5}, "finish_reason": "stop"}]},
    {"choices": [{"index": 0, "delta": "hello", "finish_reason": "stop"}]},
    {"choices": [{"index": 0, "delta": {"x_answer": "hello"}, "finish_reason": "stop"}]},
]


@pytest.mark.parametrize("nothing", NOTHING)
async def test_an_answer_of_which_nothing_can_be_read_fails(nothing: dict[str, Any]) -> None:
    async with ChatBackend() as backend, LiveProxy(config_for(backend.base_url)) as proxy:
        backend.always(sse_answer([nothing]))
        answer = await proxy.http.post("/responses", json={"model": "m", "input": "hi", "stream": True})
        assert check_events(check_frames(answer.content))["status"] == "failed"
