"""`truncation: "auto"`: the oldest turns go, by the known window or after a refusal, and the client is told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from openai import BadRequestError

from proxy.config import ModelSettings
from tests.support.chat_backend import ChatBackend, json_answer
from tests.support.live import LiveProxy, config_for, said

WORDS = "word " * 100


def too_long(limit: int | None = None, asked: int | None = None) -> Any:
    told = (
        ""
        if limit is None
        else f" This model's maximum context length is {limit} tokens. However, you requested {asked}."
    )
    error = {
        "message": f"The request is too long.{told}",
        "type": "invalid_request_error",
        "code": "context_length_exceeded",
    }
    return json_answer({"error": error}, status=400)


def history(turns: int) -> list[dict[str, Any]]:
    items = [{"role": "developer", "content": "Rules."}]
    for turn in range(turns):
        items += [
            {"role": "user", "content": f"Question {turn}. {WORDS}"},
            {"type": "function_call", "call_id": f"c{turn}", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": f"c{turn}", "output": f"Found {turn}."},
            {"role": "assistant", "content": f"Answer {turn}. {WORDS}"},
        ]
    return [*items, {"role": "user", "content": "And now?"}]


def turns_sent(backend: ChatBackend, request: int) -> list[int]:
    messages = backend.requests[request].json["messages"]
    return [
        int(message["content"].split()[1][:-1]) for message in messages if message["content"].startswith("Question")
    ]


def windowed(backend: ChatBackend, window: int | None) -> LiveProxy:
    model = ModelSettings(upstream="up", context_window=window)
    return LiveProxy(msgspec.structs.replace(config_for(backend.base_url), models={"*": model}))


async def chat_requests(backend: ChatBackend) -> None:
    """Leaves the requests for answers only: the list of models is asked for, too."""
    backend.requests[:] = [request for request in backend.requests if request.path.endswith("/chat/completions")]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_known_window_is_kept(backend: ChatBackend, stream: bool) -> None:
    backend.always(said("Done."))
    async with windowed(backend, 2000) as proxy:
        body = {"model": "m", "input": history(12), "truncation": "auto", "stream": stream, "instructions": "Be brief."}
        answer = await proxy.http.post("/responses", json=body)
        assert answer.status_code == 200
    assert "changed truncation" in answer.headers["x-dragoman-adapted"]
    await chat_requests(backend)
    [request] = backend.requests
    assert len(request.body) < 2000 * 4
    sent = turns_sent(backend, 0)
    assert sent == list(range(12 - len(sent), 12))
    assert 2 < len(sent) < 12
    texts = [message["content"] for message in request.json["messages"]]
    assert texts[0] == "Be brief.\n\nRules." or texts[:2] == ["Be brief.", "Rules."]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_is_believed(backend: ChatBackend, stream: bool) -> None:
    backend.script(too_long(5000, 10000), too_long(), said("Done."))
    async with windowed(backend, None) as proxy:
        body = {"model": "m", "input": history(12), "truncation": "auto", "stream": stream}
        answer = await proxy.http.post("/responses", json=body)
        assert answer.status_code == 200
    assert "changed truncation" in answer.headers["x-dragoman-adapted"]
    assert b"Done." in answer.content
    await chat_requests(backend)
    first, second, third = (len(turns_sent(backend, request)) for request in range(3))
    assert (first, second) == (12, 5)
    assert 0 < third < second


async def test_the_open_turn_and_the_instructions_are_never_cut(backend: ChatBackend) -> None:
    backend.always(too_long())
    async with windowed(backend, None) as proxy:
        with pytest.raises(BadRequestError) as caught:
            await proxy.client.responses.create(model="m", input=history(3), truncation="auto")
    assert caught.value.code == "context_length_exceeded"
    await chat_requests(backend)
    last = backend.requests[-1].json["messages"]
    assert [message["content"] for message in last] == ["Rules.", "And now?"]
    assert len(backend.requests) <= 4


async def test_disabled_stays_an_error(backend: ChatBackend) -> None:
    backend.always(too_long(5000, 10000))
    async with windowed(backend, 2000) as proxy:
        for options in ({}, {"truncation": "disabled"}):
            answer = await proxy.http.post("/responses", json={"model": "m", "input": history(12), **options})
            assert answer.json()["error"]["code"] == "context_length_exceeded"
    await chat_requests(backend)
    assert len(backend.requests) == 2


async def test_what_is_left_out_stays_stored(backend: ChatBackend) -> None:
    """The next request of the chain begins with all of it again; and a short one is sent whole."""
    backend.always(said("Done."))
    async with windowed(backend, 2000) as proxy:
        create = proxy.client.responses.create
        items: Any = history(12)
        first = await create(model="m", input=items, truncation="auto")
        assert len((await proxy.client.responses.input_items.list(first.id, limit=100)).data) == len(items)
        second = await create(model="m", input="Thanks", truncation="auto", previous_response_id=first.id)
        assert second.previous_response_id == first.id
        short = await proxy.http.post("/responses", json={"model": "m", "input": "Hi", "truncation": "auto"})
        assert "x-dragoman-adapted" not in short.headers
    await chat_requests(backend)
    assert turns_sent(backend, 1)[-1] == 11


async def test_a_list_of_models_tells_the_window(backend: ChatBackend) -> None:
    backend.serve("/v1/models", json_answer({"data": [{"id": "m", "max_model_len": 2000}]}))
    backend.always(said("Done."))
    async with windowed(backend, None) as proxy:
        body = {"model": "m", "input": history(12), "truncation": "auto"}
        assert "changed truncation" in (await proxy.http.post("/responses", json=body)).headers["x-dragoman-adapted"]
    await chat_requests(backend)
    assert len(backend.requests) == 1


async def test_codes_by_other_names(backend: ChatBackend) -> None:
    codes = {
        "context_length_exceeded": "max_tokens_exceeded",
        "previous_response_not_found": "invalid_previous_response_id",
    }
    backend.always(too_long())
    config = msgspec.convert(
        {**msgspec.to_builtins(config_for(backend.base_url)), "errors": {"codes": codes}},
        type=type(config_for("http://h")),
    )
    async with LiveProxy(config) as proxy:
        refused = await proxy.http.post("/responses", json={"model": "m", "input": "Hi"})
        assert refused.json()["error"]["code"] == "max_tokens_exceeded"
        gone = await proxy.http.post("/responses", json={"model": "m", "input": "Hi", "previous_response_id": "resp_x"})
        assert gone.json()["error"]["code"] == "invalid_previous_response_id"
        background = await proxy.client.responses.create(model="m", input="Hi", background=True, stream=True)
        events = [event async for event in background]
        assert events[-1].response.error.code == "max_tokens_exceeded"
