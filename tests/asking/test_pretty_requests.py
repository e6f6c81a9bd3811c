"""A request written over several lines: whatever echoes it, keeps it or repeats it stays one line an event (S17)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect

from tests.golden import chat_request
from tests.support.cases import read_cases
from tests.support.chat_backend import ChatBackend
from tests.support.checks import check_events, check_frames
from tests.support.live import LiveProxy, config_for, said
from tests.support.translation import ways_to_write
from translators.decode import on_one_line
from translators.schema.events import ResponseCreated
from translators.wire.sse import DONE_FRAME, encode

Json = dict[str, Any]

CASES = [case for case in read_cases() if not case.meta.answer_only]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string", "description": "a\nb"}}}
JSON_TYPE = {"content-type": "application/json"}
ASK: Json = {
    "model": "m",
    "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi\r\nthere"}]}],
    "tools": [
        {"type": "function", "name": "f", "parameters": PARAMETERS},
        {"type": "custom", "name": "free", "format": {"type": "text"}},
        {"type": "web_search", "filters": {"allowed_domains": ["example.org"]}},
        {"type": "namespace", "name": "n", "description": "d", "tools": [{"type": "function", "name": "g"}]},
    ],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
    "text": {"format": {"type": "json_schema", "name": "s", "schema": PARAMETERS}},
    "metadata": {"a": "b\nc"},
    "reasoning": {"effort": "low"},
}


@pytest.fixture
async def backend() -> Any:
    async with ChatBackend(strict=False) as running:
        running.always(said('{"city":', '"x"}'))
        yield running


@pytest.fixture
async def proxy(backend: ChatBackend) -> Any:
    async with LiveProxy(config_for(backend.base_url)) as running:
        yield running


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_way_to_write_a_request_goes_upstream_as_one(case: Any) -> None:
    expected = (case.path / "chat_request.json").read_bytes()
    for body in ways_to_write(json.loads(case.request)):
        assert chat_request(case, body) == expected


async def streamed(proxy: LiveProxy, body: bytes) -> list[Json]:
    answer = await proxy.http.post("/responses", content=body, headers=JSON_TYPE)
    assert answer.status_code == 200, answer.text
    return check_frames(answer.content)


async def test_a_stream(proxy: LiveProxy) -> None:
    for body in ways_to_write({**ASK, "stream": True}):
        response = check_events(await streamed(proxy, body))
        assert [tool["type"] for tool in response["tools"]] == [tool["type"] for tool in ASK["tools"]]
        assert response["tools"][0]["parameters"] == PARAMETERS
        assert response["tool_choice"] == ASK["tool_choice"]
        assert response["text"]["format"]["schema"] == PARAMETERS
        assert response["metadata"] == ASK["metadata"]


async def test_what_is_kept_is_read_back_the_same(proxy: LiveProxy) -> None:
    for body in ways_to_write(ASK):
        answer = await proxy.http.post("/responses", content=body, headers=JSON_TYPE)
        assert b"\n" not in answer.content
        made = answer.json()
        for path in ("", "/input_items"):
            kept = await proxy.http.get(f"/responses/{made['id']}{path}")
            assert kept.status_code == 200
            assert b"\n" not in kept.content
        assert (await proxy.http.get(f"/responses/{made['id']}")).json() == made


async def test_a_background_stream_and_its_replays(proxy: LiveProxy) -> None:
    for body in ways_to_write({**ASK, "stream": True, "background": True}):
        events = await streamed(proxy, body)
        check_events(events)
        where = f"/responses/{events[0]['response']['id']}?stream=true"
        for after in range(-1, len(events) - 1):
            again = await proxy.http.get(f"{where}&starting_after={after}" if after >= 0 else where)
            assert check_frames(again.content) == events[after + 1 :]


async def test_a_socket(proxy: LiveProxy) -> None:
    url = proxy.url.replace("http", "ws") + "/responses"
    async with connect(url, additional_headers={"authorization": "Bearer key"}, proxy=None) as socket:
        for body in ways_to_write({"type": "response.create", **ASK}):
            await socket.send(body.decode())
            events: list[Json] = []
            while not events or events[-1]["type"] != "response.completed":
                message = await socket.recv()
                assert "\n" not in message
                events.append(json.loads(message))
            check_events(events)


async def test_conversations(proxy: LiveProxy) -> None:
    item = {"role": "user", "content": [{"type": "input_text", "text": "Hi\r\nthere"}]}
    for body in ways_to_write({"items": [item], "metadata": {"a": "b"}}):
        made = (await proxy.http.post("/conversations", content=body, headers=JSON_TYPE)).json()
        listed = await proxy.http.get(f"/conversations/{made['id']}/items")
        assert b"\n" not in listed.content
        assert listed.json()["data"][0]["content"] == item["content"]
        follow = {**ASK, "conversation": made["id"], "stream": True}
        check_events(await streamed(proxy, json.dumps(follow, indent=2).encode()))


async def test_compaction(proxy: LiveProxy) -> None:
    asked = {"model": "m", "input": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
    for body in ways_to_write(asked):
        answer = await proxy.http.post("/responses/compact", content=body, headers=JSON_TYPE)
        assert answer.status_code == 200, answer.text
        assert b"\n" not in answer.content


def test_a_line_end_in_what_comes_from_elsewhere_does_not_break_a_frame() -> None:
    """What an earlier version has stored, say."""
    response: Any = msgspec.Raw(b'{"id":"resp_1",\r\n  "tools": [\n]}')
    assert check_frames(encode(ResponseCreated(0, response)) + DONE_FRAME)[0]["response"] == {
        "id": "resp_1",
        "tools": [],
    }


@pytest.mark.parametrize("text", [b'{"a": 1}', b'{"a":\n', b"\n[" * 100_000, b'{"a": "b\nc"}', b"", b"\xff\n"])
def test_what_has_no_line_end_or_is_no_json_stays_as_it_is(text: bytes) -> None:
    assert on_one_line(text) is text


def test_only_white_space_between_values_goes() -> None:
    written = b'{\r\n "a" : [ 1.00 , -0, 12345678901234567890123,\n\t"\\u00e9 \\n  x\\\\" ] ,\n "a": { } }\n'
    assert on_one_line(written) == b'{"a":[1.00,-0,12345678901234567890123,"\\u00e9 \\n  x\\\\"],"a":{}}'
