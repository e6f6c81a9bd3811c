"""The door: whatever comes in has an identifier, an answer in the envelope, one line in the log and one count."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from proxy.telemetry.log import LineFormatter
from tests.support.chat_backend import ChatBackend, json_answer, sse_answer
from tests.support.live import WHOLE, LiveProxy, chunk, config_for, said

Json = dict[str, Any]
ASK: Json = {"model": "m", "input": "hi"}


@pytest.fixture
async def backend() -> AsyncIterator[ChatBackend]:
    async with ChatBackend() as backend:
        yield backend


@pytest.fixture
async def proxy(backend: ChatBackend) -> AsyncIterator[LiveProxy]:
    async with LiveProxy(config_for(backend.base_url, api_keys=(_secret("key"),))) as proxy:
        yield proxy


def _secret(text: str) -> Any:
    from proxy.config import Secret

    return Secret(text)


def ends(caplog: pytest.LogCaptureFixture) -> list[dict[str, str]]:
    """The lines about ends: level, outcome, and the facts."""
    formatter = LineFormatter()
    lines = [formatter.format(record) for record in caplog.records if record.name == "proxy.telemetry.request_log"]
    found = []
    for line in lines:
        _, level, _, rest = line.split(" ", 3)
        outcome = re.match(r"[a-z ]+?(?= \w+=)", rest)
        assert outcome is not None
        facts = dict(re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)', rest))
        found.append({"level": level, "outcome": outcome[0], **facts})
    return found


# ---- identifiers


@pytest.mark.parametrize("given", ["abc", "A.b_c:d-1", "x" * 128])
async def test_a_sane_id_is_taken_everywhere(backend: ChatBackend, proxy: LiveProxy, given: str) -> None:
    backend.script(json_answer(WHOLE, headers={"x-request-id": "theirs"}), said("a"))
    for stream in (False, True):
        answer = await proxy.http.post("/responses", json=ASK | {"stream": stream}, headers={"x-request-id": given})
        assert answer.headers.get_list("x-request-id") == [given]
        assert answer.headers.get("x-upstream-request-id") == (None if stream else "theirs")
    assert [request.headers["x-request-id"] for request in backend.requests] == [given, given]


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "a\tb", "ä", "a/b"])
async def test_any_other_is_replaced(backend: ChatBackend, proxy: LiveProxy, given: str) -> None:
    backend.script(json_answer(WHOLE))
    answer = await proxy.http.post("/responses", json=ASK, headers={b"x-request-id": given.encode()})
    made = answer.headers["x-request-id"]
    assert re.fullmatch(r"req_[0-9a-f]{32}", made)
    assert backend.requests[0].headers["x-request-id"] == made


async def test_errors_have_it(backend: ChatBackend, proxy: LiveProxy) -> None:
    asked = [
        proxy.http.post("/responses", json={"model": "m"}),
        proxy.http.post("/responses", json=ASK, headers={"authorization": "Bearer wrong"}),
        proxy.http.post("/responses", content=b"{}", headers={"content-type": "text/plain"}),
        proxy.http.get("/responses"),
        proxy.http.get("/nowhere"),
        proxy.http.get("/responses/resp_1"),
    ]
    answers = [await answer for answer in asked]
    assert [answer.status_code for answer in answers] == [400, 401, 415, 405, 404, 404]
    assert all(re.fullmatch(r"req_[0-9a-f]{32}", answer.headers["x-request-id"]) for answer in answers)
    assert all(set(answer.json()["error"]) == {"message", "type", "param", "code"} for answer in answers)
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


# ---- the log and the metrics


async def test_every_end_is_one_line_and_one_count(
    backend: ChatBackend, proxy: LiveProxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "proxy")
    http = proxy.http
    backend.script(json_answer(WHOLE), json_answer({"error": {"message": "Slow down.", "code": "x"}}, status=429))
    await http.post("/responses", json=ASK, headers={"x-request-id": "r1"})
    await http.post("/responses", json=ASK, headers={"x-request-id": "r2"})
    backend.script(sse_answer([chunk({"content": "Hel"})], cut_after=30))
    await http.post("/responses", json=ASK | {"stream": True}, headers={"x-request-id": "r3"})
    await http.post("/responses", json={"model": "m"}, headers={"x-request-id": "r4"})
    await http.post("/responses", json=ASK, headers={"x-request-id": "r5", "authorization": "Bearer no"})
    await http.get("/nowhere", headers={"x-request-id": "r6"})
    await http.get(proxy.url.removesuffix("/v1") + "/healthz", headers={"x-request-id": "r7"})
    found = {line["request"]: line for line in ends(caplog)}
    shown = {
        id_: (line["level"], line["outcome"], line["http"], line.get("status"), line.get("code"), line.get("who"))
        for id_, line in found.items()
    }
    who = "api_keys[0]"
    assert shown == {
        "r1": ("INFO", "answered", "200", "completed", None, who),
        "r2": ("INFO", "refused", "429", None, "x", who),
        "r3": ("WARNING", "failed", "200", "failed", "upstream_unreachable", who),
        "r4": ("INFO", "refused", "400", None, "missing_required_parameter", who),
        "r5": ("INFO", "refused", "401", None, "invalid_api_key", None),
        "r6": ("INFO", "refused", "404", None, "unknown_url", who),
        "r7": ("DEBUG", "answered", "200", None, None, None),
    }
    assert found["r1"]["model"] == "m"
    assert found["r1"]["upstream"] == "up"
    assert found["r4"]["param"] == "input"
    assert found["r4"]["reason"].startswith('"Missing required parameter')
    page = (await http.get(proxy.url.removesuffix("/v1") + "/metrics")).text
    counted = dict(re.findall(r'requests_total\{kind="request",(.*),process="\d+"\} (\d+)', page))
    assert counted == {
        'route="/healthz",status="200"': "1",
        'route="/v1/responses",status="200"': "2",
        'route="/v1/responses",status="400"': "1",
        'route="/v1/responses",status="401"': "1",
        'route="/v1/responses",status="429"': "1",
        'route="other",status="404"': "1",
    }


async def test_a_client_that_leaves_is_told(
    backend: ChatBackend, proxy: LiveProxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "proxy")
    backend.script(sse_answer([chunk({"content": "Hel"}), asyncio.Event()]))
    async with proxy.http.stream("POST", "/responses", json=ASK | {"stream": True}) as answer:
        await anext(answer.aiter_raw())
    await backend.closed(1)
    (end,) = ends(caplog)
    assert (end["outcome"], end["status"]) == ("client gone", "in_progress")


@pytest.mark.parametrize("stream", [False, True])
async def test_background_ends_are_told(
    backend: ChatBackend, proxy: LiveProxy, caplog: pytest.LogCaptureFixture, stream: bool
) -> None:
    caplog.set_level(logging.INFO, "proxy")
    backend.script(json_answer({"error": {"message": "No."}}, status=400))
    asked = ASK | {"background": True, "stream": stream}
    answer = await proxy.http.post("/responses", json=asked, headers={"x-request-id": "r"})
    assert answer.status_code == 200
    async with proxy.http.stream("GET", f"/responses/{_response_id(answer)}?stream=true") as replayed:
        await replayed.aread()  # ends when the run has ended
    found = ends(caplog)
    (run,) = [line for line in found if line.get("kind") == "background"]
    assert (run["request"], run["outcome"], run["status"], run["http"]) == ("r", "failed", "failed", "400")
    assert run["who"] == "api_keys[0]"


async def test_turns_of_a_websocket_are_told(
    backend: ChatBackend, proxy: LiveProxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "proxy")
    backend.script(said("a"), json_answer({"error": {"message": "No."}}, status=400))
    headers = {"authorization": "Bearer key", "x-request-id": "r"}
    async with connect(proxy.url.replace("http", "ws") + "/responses", additional_headers=headers, proxy=None) as ws:
        assert ws.response is not None
        assert ws.response.headers["x-request-id"] == "r"
        for message in ({**ASK, "type": "response.create"}, {**ASK, "type": "response.create"}, {"type": "no"}):
            await ws.send(json.dumps(message))
            while json.loads(await ws.recv())["type"] not in ("response.completed", "response.failed", "error"):
                pass
    assert [request.headers["x-request-id"] for request in backend.requests] == ["r.1", "r.2"]
    turns = [line for line in ends(caplog) if line.get("kind") == "turn"]
    shown = [(line["request"], line["outcome"], line["http"], line.get("status")) for line in turns]
    assert shown == [
        ("r.1", "answered", "200", "completed"),
        ("r.2", "refused", "400", None),
        ("r.3", "refused", "400", None),
    ]


def _response_id(answer: httpx2.Response) -> str:
    found = re.search(r"resp_[0-9a-f]{32}", answer.text)
    assert found is not None
    return found[0]


# ---- forms


async def test_a_trailing_slash_is_served(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(json_answer(WHOLE))
    answer = await proxy.http.post("/responses/", json=ASK)
    assert answer.status_code == 200
    assert (await proxy.http.get(f"/responses/{answer.json()['id']}/")).json()["id"] == answer.json()["id"]
    assert (await proxy.http.get("/models/")).json()["object"] == "list"
    assert (await proxy.http.get(proxy.url.removesuffix("/v1") + "/healthz/")).status_code == 200
    assert (await proxy.http.get("/nowhere/")).status_code == 404


async def test_other_addresses_of_openai_say_what_to_do(proxy: LiveProxy) -> None:
    for path in ("/chat/completions", "/chat/completions/"):
        answer = await proxy.http.post(path, json={"model": "m", "messages": []})
        assert answer.status_code == 404
        assert "/v1/responses" in answer.json()["error"]["message"]
    answer = await proxy.http.post("/embeddings", json={})
    assert "the backend itself" in answer.json()["error"]["message"]
    assert "/v1" in (await proxy.http.get(proxy.url.removesuffix("/v1"))).json()["error"]["message"]
    long = (await proxy.http.get("/" + "x" * 3000)).json()["error"]["message"]
    assert len(long) < 300


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON", 200),
        ("application/vnd.api+json", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/jsonp", 415),
        (None, 415),
    ],
)
async def test_a_body_has_to_be_said_to_be_json(
    backend: ChatBackend, proxy: LiveProxy, kind: str | None, status: int
) -> None:
    backend.always(json_answer(WHOLE))
    headers = {} if kind is None else {"content-type": kind}
    bodies: dict[str, Json] = {
        "/responses": ASK, "/responses/compact": ASK, "/responses/input_tokens": ASK, "/conversations": {},
    }  # fmt: skip
    for path, body in bodies.items():
        answer = await proxy.http.post(path, content=json.dumps(body).encode(), headers=headers)
        assert answer.status_code == status, path
        if status == 415:
            assert "Content-Type: application/json" in answer.json()["error"]["message"]
    assert (await proxy.http.post("/conversations")).status_code == 200  # no body, nothing to be said of it


@pytest.mark.parametrize("path", ["/responses", "/responses/compact", "/responses/input_tokens"])
async def test_compressed_bodies_are_taken_everywhere(backend: ChatBackend, proxy: LiveProxy, path: str) -> None:
    backend.always(json_answer(WHOLE))
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    answer = await proxy.http.post(path, content=gzip.compress(json.dumps(ASK).encode()), headers=headers)
    assert answer.status_code == 200


async def test_no_model_takes_the_default_one(backend: ChatBackend) -> None:
    from msgspec.structs import replace

    from proxy.config import ModelSettings

    config = config_for(backend.base_url)
    to = ModelSettings(upstream="up")
    for models, default, taken in (({"a": to}, None, "a"), ({"a": to, "b": to}, "b", "b"), ({"*": to}, "c", "c")):
        backend.always(json_answer(WHOLE))
        async with LiveProxy(replace(config, models=models, default_model=default)) as proxy:
            for path in ("/responses", "/responses/compact", "/responses/input_tokens"):
                answer = await proxy.http.post(path, json={"input": "hi"})
                assert answer.status_code == 200, answer.text
            assert backend.requests[-1].json["model"] == taken
    async with LiveProxy(replace(config, models={"a": to, "b": to})) as proxy:
        answer = await proxy.http.post("/responses", json={"input": "hi"})
        assert answer.json()["error"]["param"] == "model"


async def test_an_unknown_websocket_is_a_404(proxy: LiveProxy) -> None:
    url = proxy.url.replace("http", "ws")
    for path, key, status in (("/realtime", "key", 404), ("/responses", "wrong", 401)):
        with pytest.raises(InvalidStatus) as caught:
            async with connect(url + path, additional_headers={"authorization": f"Bearer {key}"}, proxy=None):
                pass
        response = caught.value.response
        assert response.status_code == status
        assert response.body is not None
        assert set(json.loads(response.body)["error"]) == {"message", "type", "param", "code"}
        assert response.headers["x-request-id"]


async def test_http_methods_are_told(proxy: LiveProxy) -> None:
    answer: httpx2.Response = await proxy.http.request("PATCH", "/responses")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
