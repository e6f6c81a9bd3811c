"""Stages of an exchange, over real sockets: asked again behind a lesson, cut short, dying, and not asked at all."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.support.chat_backend import Answer, ChatBackend, json_answer, silence, sse_answer
from tests.support.checks import check_events, check_frames
from tests.support.live import LiveProxy, chunk, ended, said

Json = dict[str, Any]
USAGE: Json = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}
LETTERS: Json = {
    "type": "custom",
    "name": "letters",
    "format": {"type": "grammar", "syntax": "regex", "definition": "[a-z]+"},
}
REFUSED = json_answer(
    {"error": {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}}, status=400
)
NOTHING = sse_answer([chunk({"content": ""}), chunk(finish="stop"), USAGE])
MANAGEMENT: Json = {"type": "compaction", "compact_threshold": 1000}
LONG: list[Json] = [
    {"role": "user", "content": "Q1 " + "x" * 5000},
    {"role": "assistant", "content": "A1"},
    {"role": "user", "content": "Q2"},
]


def wrote(text: str, call_id: str) -> Answer:
    function = {"name": "letters", "arguments": json.dumps({"input": text})}
    call = chunk({"tool_calls": [{"index": 0, "id": call_id, "type": "function", "function": function}]})
    return sse_answer([chunk({"content": "Wait."}), call, chunk(finish="tool_calls"), USAGE])


def sent(backend: ChatBackend) -> list[list[bytes]]:
    return [[json.dumps(message).encode() for message in request.json["messages"]] for request in backend.requests]


# --- asked again ---------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [True, False])
async def test_r9_what_is_asked_again_goes_by_the_lesson_and_begins_with_the_bytes_before(
    backend: ChatBackend, proxy: LiveProxy, streamed: bool
) -> None:
    backend.script(REFUSED, wrote("1", "c1"), wrote("abc", "c2"))
    body = {"model": "m", "input": "go", "temperature": 0.5, "tools": [LETTERS], "stream": streamed}
    answer = await proxy.http.post("/responses", json=body)
    response = check_events(check_frames(answer.content)) if streamed else answer.json()
    assert [item["type"] for item in response["output"]] == ["message", "message", "custom_tool_call"]
    assert response["usage"]["total_tokens"] == 10
    assert ["temperature" in request.json for request in backend.requests] == [True, False, False]
    _, first, second = sent(backend)
    assert second[: len(first)] == first
    assert len(second) == len(first) + 2
    told = answer.headers.get("x-dragoman-adapted", "") + answer.text
    assert "changed temperature" in told
    assert "emulated tools" in told


async def test_a_lesson_may_be_learned_by_what_is_asked_again(backend: ChatBackend, proxy: LiveProxy) -> None:
    """Nothing that was said before it is lost."""
    backend.script(wrote("1", "c1"), REFUSED, wrote("abc", "c2"))
    body = {"model": "m", "input": "go", "temperature": 0.5, "tools": [LETTERS], "stream": True}
    response = check_events(check_frames((await proxy.http.post("/responses", json=body)).content))
    assert [item["type"] for item in response["output"]] == ["message", "message", "custom_tool_call"]
    assert ["temperature" in request.json for request in backend.requests] == [True, True, False]
    _, refused, taken = sent(backend)
    assert taken == refused


async def test_a_background_run_is_cancelled_while_it_asks_again(backend: ChatBackend, proxy: LiveProxy) -> None:
    asked_again = asyncio.Event()

    def second(_: object) -> Answer:
        asked_again.set()
        return silence()

    backend.script(NOTHING, second)
    made = await proxy.client.responses.create(model="m", input="go", background=True)
    await asked_again.wait()
    cancelled = await proxy.client.responses.cancel(made.id)
    assert (cancelled.status, cancelled.output) == ("cancelled", [])
    backend.script(said("Well."))
    after = await proxy.client.responses.create(model="m", input="go")
    assert after.output_text == "Well."
    assert (await ended(proxy, made.id)).status == "cancelled"
    assert len(backend.requests) == 3


# --- summarised first ----------------------------------------------------------------------------

DYING: dict[str, Answer] = {
    "refuses": json_answer({"error": {"message": "no"}}, status=500),
    "breaks off": sse_answer([chunk({"content": "Sum"})], done=False),
    "fails": sse_answer([chunk({"content": "Sum"}), {"error": {"message": "no"}}]),
    "says nothing": NOTHING,
}


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("how", DYING)
async def test_an_upstream_that_dies_while_it_summarises_fails_the_request(
    backend: ChatBackend, proxy: LiveProxy, how: str, streamed: bool
) -> None:
    backend.always(DYING[how])
    body = {"model": "m", "input": LONG, "context_management": [MANAGEMENT], "stream": streamed}
    answer = await proxy.http.post("/responses", json=body)
    assert answer.status_code == (500 if how == "refuses" else 502)
    assert answer.json()["error"]["message"]
    assert all("compaction" not in json.dumps(request.json) for request in backend.requests)
    assert {len(request.json["messages"]) for request in backend.requests} == {4}  # nothing but the summary was asked


@pytest.mark.parametrize("how", ["breaks off", "fails"])
async def test_one_that_dies_behind_the_summary_leaves_the_summary(
    backend: ChatBackend, proxy: LiveProxy, how: str
) -> None:
    backend.script(said("Short"), DYING[how])
    body = {"model": "m", "input": LONG, "context_management": [MANAGEMENT], "stream": True}
    response = check_events(check_frames((await proxy.http.post("/responses", json=body)).content))
    assert response["status"] == "failed"
    assert [item["type"] for item in response["output"]] == ["compaction", "message"]


# --- not asked -----------------------------------------------------------------------------------


async def test_over_a_websocket_nobody_is_asked_and_the_next_turn_goes_on(
    backend: ChatBackend, proxy: LiveProxy
) -> None:
    backend.script(said("A2"))
    address = str(proxy.http.base_url).replace("http", "ws", 1).rstrip("/") + "/responses"
    async with connect(address, additional_headers={"authorization": f"Bearer {proxy.client.api_key}"}) as socket:
        prepared = await turn(socket, input="Q1", generate=False)
        assert (prepared["status"], prepared["output"], backend.requests) == ("completed", [], [])
        assert (await proxy.client.responses.retrieve(prepared["id"])).status == "completed"
        await turn(socket, input="Q2", previous_response_id=prepared["id"])
    assert [message["content"] for message in backend.requests[0].json["messages"]] == ["Q1", "Q2"]


async def turn(socket: ClientConnection, **fields: Any) -> Json:
    await socket.send(json.dumps({"type": "response.create", "model": "m", **fields}))
    events: list[Json] = []
    while not events or events[-1]["type"] not in ("response.completed", "response.failed", "error"):
        events.append(json.loads(await socket.recv()))
    return check_events(events)
