"""What one caller leaves behind does not exist for another (O1): every way from one to the other, tried."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import httpx2
import msgspec
import pytest
from websockets.asyncio.client import connect

from proxy.config import KeySettings, Secret, StoreSettings, UpstreamSettings
from tests.support.chat_backend import ChatBackend, json_answer
from tests.support.checks import check_events, check_frames
from tests.support.live import LiveProxy, config_for, said

Json = dict[str, Any]
KEYS = {name: KeySettings(key=Secret(f"key-of-{name}")) for name in ("team-a", "team-b")}


@pytest.fixture
async def guarded(backend: ChatBackend) -> AsyncIterator[LiveProxy]:
    store = StoreSettings(kind="memory", sealing_keys=(Secret("ab" * 32),))
    dialect = {"preset": "generic", "reasoning_replay": "all", "reasoning_field": "reasoning_content"}
    upstream = UpstreamSettings(base_url=backend.base_url, dialect=dialect)
    settings = config_for(backend.base_url, store=store)
    settings = msgspec.structs.replace(settings, keys=KEYS, upstreams={"up": upstream})
    async with LiveProxy(settings) as proxy:
        yield proxy


class Left(NamedTuple):
    """What team A left behind."""

    response: str
    conversation: str
    item: str
    background: str


def _as(proxy: LiveProxy, team: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=proxy.url, headers={"authorization": f"Bearer key-of-{team}"}, timeout=60)


async def _leave(a: httpx2.AsyncClient, backend: ChatBackend) -> Left:
    backend.script(said("Secret of A"), said("Secret of A"))
    conversation = (await a.post("/conversations", json={"items": [{"role": "user", "content": "Mine"}]})).json()["id"]
    items = (await a.get(f"/conversations/{conversation}/items")).json()["data"]
    response = (await a.post("/responses", json={"model": "m", "input": "Mine"})).json()["id"]
    streamed = await a.post("/responses", json={"model": "m", "input": "Mine", "background": True, "stream": True})
    background = check_events(check_frames(streamed.content))["id"]
    return Left(response, conversation, items[0]["id"], background)


Try = Callable[[Left], tuple[str, str, Json | None]]


def _create(**fields: Any) -> tuple[str, str, Json]:
    return "POST", "/responses", {"model": "m", "input": "Hi", **fields}


CROSSINGS: dict[str, Try] = {
    "retrieve": lambda left: ("GET", f"/responses/{left.response}", None),
    "delete": lambda left: ("DELETE", f"/responses/{left.response}", None),
    "cancel": lambda left: ("POST", f"/responses/{left.response}/cancel", None),
    "input items": lambda left: ("GET", f"/responses/{left.response}/input_items", None),
    "background": lambda left: ("GET", f"/responses/{left.background}", None),
    "cancel background": lambda left: ("POST", f"/responses/{left.background}/cancel", None),
    "delete background": lambda left: ("DELETE", f"/responses/{left.background}", None),
    "replay": lambda left: ("GET", f"/responses/{left.background}?stream=true", None),
    "replay from": lambda left: ("GET", f"/responses/{left.background}?stream=true&starting_after=0", None),
    "continue": lambda left: _create(previous_response_id=left.response),
    "continue background": lambda left: _create(previous_response_id=left.background),
    "continue streamed": lambda left: _create(previous_response_id=left.response, stream=True),
    "continue in the background": lambda left: _create(previous_response_id=left.response, background=True),
    "compact": lambda left: ("POST", "/responses/compact", {"model": "m", "previous_response_id": left.response}),
    "count": lambda left: ("POST", "/responses/input_tokens", {"model": "m", "previous_response_id": left.response}),
    "refer to an item": lambda left: _create(input=[{"type": "item_reference", "id": left.item}]),
    "conversation": lambda left: _create(conversation=left.conversation),
    "conversation streamed": lambda left: _create(conversation={"id": left.conversation}, stream=True),
    "retrieve conversation": lambda left: ("GET", f"/conversations/{left.conversation}", None),
    "update conversation": lambda left: ("POST", f"/conversations/{left.conversation}", {"metadata": {"a": "b"}}),
    "delete conversation": lambda left: ("DELETE", f"/conversations/{left.conversation}", None),
    "conversation items": lambda left: ("GET", f"/conversations/{left.conversation}/items", None),
    "append items": lambda left: (
        "POST",
        f"/conversations/{left.conversation}/items",
        {"items": [{"role": "user", "content": "x"}]},
    ),
    "item": lambda left: ("GET", f"/conversations/{left.conversation}/items/{left.item}", None),
    "delete item": lambda left: ("DELETE", f"/conversations/{left.conversation}/items/{left.item}", None),
}


async def test_no_way_leads_from_one_caller_to_another(backend: ChatBackend, guarded: LiveProxy) -> None:
    async with _as(guarded, "team-a") as a, _as(guarded, "team-b") as b:
        left = await _leave(a, backend)
        asked = len(backend.requests)
        for name, crossing in CROSSINGS.items():
            method, path, body = crossing(left)
            answer = await b.request(method, path, json=body)
            assert answer.status_code in (400, 404), name
            unknown = crossing(Left(*(f"{known[:-4]}0000" for known in left)))
            told = (await b.request(unknown[0], unknown[1], json=unknown[2])).json()["error"]["message"]
            # Nor can one learn that it is there.
            shown = answer.json()["error"]["message"]
            assert [shown.replace(known, "") for known in left if known in shown] == [
                told.replace(f"{known[:-4]}0000", "") for known in left if f"{known[:-4]}0000" in told
            ], name
        assert len(backend.requests) == asked
        for path in (
            f"/responses/{left.response}",
            f"/responses/{left.background}",
            f"/conversations/{left.conversation}",
        ):
            assert (await a.get(path)).status_code == 200
        assert len((await a.get(f"/conversations/{left.conversation}/items")).json()["data"]) == 1


async def test_not_by_way_of_a_websocket(backend: ChatBackend, guarded: LiveProxy) -> None:
    async with _as(guarded, "team-a") as a:
        left = await _leave(a, backend)
    url, headers = f"{guarded.url.replace('http', 'ws')}/responses", {"authorization": "Bearer key-of-team-b"}
    async with connect(url, additional_headers=headers, proxy=None) as socket:
        for fields in ({"previous_response_id": left.response}, {"conversation": left.conversation}):
            asked = {"type": "response.create", "model": "m", "input": "Hi", **fields}
            await socket.send(msgspec.json.encode(asked).decode())
            event = msgspec.json.decode(await socket.recv())
            assert (event["type"], event["status"]) in (("error", 400), ("error", 404))


async def _sealed(http: httpx2.AsyncClient, backend: ChatBackend) -> tuple[Json, Json]:
    """A compaction and a reasoning item."""
    backend.script(said("The plan of A"))
    compacted = await http.post("/responses/compact", json={"model": "m", "input": "Mine"})
    thought = {"role": "assistant", "content": "Yes", "reasoning_content": "The thought of A"}
    backend.script(json_answer({"choices": [{"index": 0, "message": thought, "finish_reason": "stop"}]}))
    asked = {"model": "m", "input": "Mine", "include": ["reasoning.encrypted_content"], "store": False}
    answered = await http.post("/responses", json=asked)
    return compacted.json()["output"][-1], answered.json()["output"][0]


async def test_a_seal_opens_for_its_owner_alone(backend: ChatBackend, guarded: LiveProxy) -> None:
    async with _as(guarded, "team-a") as a, _as(guarded, "team-b") as b:
        compaction, reasoning = await _sealed(a, backend)
        assert (compaction["type"], reasoning["type"]) == ("compaction", "reasoning")
        for sealed, what in ((compaction, "The plan of A"), (reasoning, "The thought of A")):
            item = sealed if sealed["type"] == "compaction" else {**sealed, "summary": [], "content": []}
            for http, opens in ((a, True), (b, False)):
                backend.script(said("Fine"))
                before = len(backend.requests)
                turn = [{"role": "assistant", "content": "Yes"}, {"role": "user", "content": "What was it?"}]
                asked = {"model": "m", "input": [item, *turn]}
                await http.post("/responses", json=asked)
                seen = b"".join(request.body for request in backend.requests[before:])
                assert (what.encode() in seen) is opens, what


HOSTILE = [
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e",
    "resp_%00",
    "a%00b",
    "resp_1%0d%0aset-cookie:x",
    "%ff%fe",
    "x" * 5000,
    "*",
    "%25",
]


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_identifiers_find_nothing(guarded: LiveProxy, name: str) -> None:
    async with _as(guarded, "team-a") as http:
        for path in (f"/responses/{name}", f"/conversations/{name}", f"/responses/{name}/input_items"):
            answer = await http.get(path)
            assert answer.status_code in (400, 404, 405), path
            assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("name", ["../../etc/passwd", "resp_\0", "a\r\nb", "'; drop table responses; --", "x" * 5000])
async def test_hostile_identifiers_in_bodies_find_nothing(guarded: LiveProxy, name: str) -> None:
    async with _as(guarded, "team-a") as http:
        for fields in ({"previous_response_id": name}, {"conversation": name}, {"conversation": {"id": name}}):
            answer = await http.post("/responses", json={"model": "m", "input": "Hi", **fields})
            assert answer.status_code in (400, 404), fields
            assert len(answer.content) < 2000


async def test_of_keys_named_twice_the_last_counts(backend: ChatBackend, guarded: LiveProxy) -> None:
    """For the check of a model as for what goes upstream, so that no one can be told one thing and do another."""
    body = b'{"model":"nobody","input":"a","model":"m","input":"b"}'
    backend.script(said("Fine"))
    async with _as(guarded, "team-a") as http:
        answer = await http.post("/responses", content=body, headers={"content-type": "application/json"})
    assert answer.json()["model"] == "m"
    asked = backend.requests[0]
    assert asked.json["messages"] == [{"role": "user", "content": "b"}]
    assert asked.body.count(b'"model"') == 1
