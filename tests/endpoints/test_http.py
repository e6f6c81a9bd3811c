"""`POST /v1/responses` over real sockets: both modes, every kind of bad input, every way an upstream fails."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.chat_backend import Answer, ChatBackend, json_answer, silence, sse_answer
from tests.support.checks import check_events, check_frames, check_response
from tests.support.running import config_for, read_config, running

Json = dict[str, Any]
COMPLETION: Json = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "their-name",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
CHUNKS: list[Json] = [
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
    {"choices": [{"index": 0, "delta": {"content": "Hel"}}]},
    {"choices": [{"index": 0, "delta": {"content": "lo."}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}},
]
ASK: Json = {"model": "m", "input": "Hi"}
STREAM: Json = {**ASK, "stream": True}


class Proxy:
    """A running proxy before a scripted backend, and a client for it."""

    def __init__(self, backend: ChatBackend, http: httpx2.AsyncClient) -> None:
        self.backend = backend
        self.http = http

    async def post(self, body: Json | bytes, path: str = "/v1/responses", **options: Any) -> httpx2.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.http.post(path, content=content, **options)


@contextlib.asynccontextmanager
async def proxy(tmp_path: Path, *, strict: bool = True, **settings: Any) -> AsyncIterator[Proxy]:
    async with ChatBackend(strict=strict) as backend:
        config = read_config(config_for(backend, **settings), tmp_path)
        json_body = {"content-type": "application/json"}
        async with (
            running(config) as url,
            httpx2.AsyncClient(base_url=url, timeout=60, verify=False, headers=json_body) as http,
        ):
            yield Proxy(backend, http)


def assert_error(answer: httpx2.Response, status: int, *, code: str | None = None, param: str | None = None) -> str:
    """The envelope with all four keys; gives the message."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert code is None or error["code"] == code
    assert param is None or error["param"] == param
    assert "Traceback" not in answer.text
    message: str = error["message"]
    return message


# --- both modes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/responses", "/responses"])
async def test_plain(tmp_path: Path, path: str) -> None:
    async with proxy(tmp_path) as p:
        p.backend.script(json_answer(COMPLETION))
        answer = await p.post(ASK, path)
        assert answer.status_code == 200
        response = answer.json()
        check_response(response)
        assert response["model"] == "m"
        assert response["output"][0]["content"][0]["text"] == "Hello."
        assert response["usage"]["total_tokens"] == 5
        [request] = p.backend.requests
        assert request.json == {"model": "their-name", "messages": [{"role": "user", "content": "Hi"}]}


async def test_g21_stream(tmp_path: Path) -> None:
    async with proxy(tmp_path) as p:
        p.backend.script(sse_answer(CHUNKS))
        answer = await p.post(STREAM)
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"
        assert "no-transform" in answer.headers["cache-control"]
        response = check_events(check_frames(answer.content))
        assert response["output"][0]["content"][0]["text"] == "Hello."
        assert p.backend.requests[0].json["stream_options"] == {"include_usage": True}


async def test_a_delta_is_out_before_the_next_one_is_there(tmp_path: Path) -> None:
    more = asyncio.Event()
    frames = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in CHUNKS]
    async with proxy(tmp_path) as p:
        p.backend.script(sse_answer([*frames[:2], more, *frames[2:]]))
        async with p.http.stream("POST", "/v1/responses", json=STREAM) as answer:
            seen = b""
            async for piece in answer.aiter_raw():
                seen += piece
                if b'"delta":"Hel"' in seen and not more.is_set():
                    assert b"lo." not in seen
                    more.set()
        assert check_events(check_frames(seen))["status"] == "completed"


async def test_the_other_form_than_asked_for(tmp_path: Path) -> None:
    async with proxy(tmp_path) as p:
        p.backend.script(json_answer(COMPLETION), sse_answer(CHUNKS))
        streamed = check_events(check_frames((await p.post(STREAM)).content))
        whole = (await p.post(ASK)).json()
        assert streamed["output"][0]["content"] == whole["output"][0]["content"]
        assert streamed["usage"] == whole["usage"]


async def test_connections_are_used_again(tmp_path: Path) -> None:
    async with proxy(tmp_path) as p:
        p.backend.always(sse_answer(CHUNKS))
        for _ in range(5):
            assert (await p.post(STREAM)).status_code == 200
        assert len(p.backend.requests) == 5


# --- the client's mistakes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"", "invalid_json", None),
        (b"{", "invalid_json", None),
        (b"[]", "invalid_type", None),
        (b'{"model":"m","input":"\xff"}', "invalid_json", None),
        ({"model": "m"}, "missing_required_parameter", "input"),
        ({"model": "m", "input": []}, "missing_required_parameter", "input"),
        ({"model": 1, "input": "x"}, "invalid_type", "model"),
        ({"model": "m", "input": 5}, "invalid_type", "input"),
        ({"model": "m", "input": [5]}, "invalid_type", "input[0]"),
        ({"model": "m", "input": [{"type": 5}]}, "invalid_type", "input[0].type"),
        ({"model": "m", "input": [{"role": "user"}]}, "missing_required_parameter", "input[0].content"),
        ({"model": "m", "input": [{"role": "elf", "content": "x"}]}, "invalid_value", "input[0].role"),
        (
            {"model": "m", "input": [{"role": "user", "content": [{"type": "input_text", "text": 5}]}]},
            "invalid_type",
            "input[0].content[0].text",
        ),
        ({"model": "m", "input": [{"type": "function_call"}]}, "missing_required_parameter", "input[0].call_id"),
        ({"model": "m", "input": [{"type": "item_reference", "id": "x"}]}, "item_not_found", "input[0].id"),
        ({**ASK, "temperature": 5}, "invalid_value", "temperature"),
        ({**ASK, "tools": [{"name": "f"}]}, "missing_required_parameter", "tools[0].type"),
        ({**ASK, "tools": [{"type": "function"}]}, "missing_required_parameter", "tools[0].name"),
        ({**ASK, "tool_choice": "perhaps"}, "invalid_value", "tool_choice"),
        ({**ASK, "tool_choice": {"type": "function", "name": "f"}}, "invalid_value", "tool_choice.name"),
        ({**ASK, "text": {"format": {"type": "json_schema"}}}, "missing_required_parameter", "text.format.schema"),
        ({**ASK, "previous_response_id": "resp_1"}, "previous_response_not_found", "previous_response_id"),
        ({**ASK, "background": True, "store": False}, "unsupported_parameter", "background"),
    ],
)
async def test_bad_input(tmp_path: Path, body: Json | bytes, code: str, param: str | None) -> None:
    async with proxy(tmp_path) as p:
        assert_error(await p.post(body), 400, code=code, param=param)
        assert not p.backend.requests


async def test_an_output_without_its_call_is_refused(tmp_path: Path) -> None:
    async with proxy(tmp_path) as p:
        orphan = {"type": "function_call_output", "call_id": "c1", "output": "x"}
        message = assert_error(await p.post({"model": "m", "input": [orphan]}), 400, param="input[0].call_id")
        assert message == "No tool call found for function call output with call_id c1."


async def test_a_body_over_the_limit(tmp_path: Path) -> None:
    async with proxy(tmp_path, server={"max_body_bytes": 100}) as p:
        told = assert_error(await p.post({**ASK, "input": "x" * 200}), 413, code="request_too_large")
        assert "(server.max_body_bytes)" in told

        async def unannounced() -> AsyncIterator[bytes]:
            for _ in range(10):
                yield b"x" * 20

        answer = await p.http.post("/v1/responses", content=unannounced())
        assert_error(answer, 413, code="request_too_large")


async def test_nesting_over_the_limit(tmp_path: Path) -> None:
    async with proxy(tmp_path, server={"max_depth": 10}) as p:
        deep: Any = "x"
        for _ in range(12):
            deep = [deep]
        assert_error(await p.post({**ASK, "metadata": deep}), 400, code="invalid_json")


async def test_unknown_model_names_the_known(tmp_path: Path) -> None:
    models = {"m": {"upstream": "scripted"}, "big-*": {"upstream": "scripted"}}
    async with proxy(tmp_path, models=models) as p:
        message = assert_error(await p.post({**ASK, "model": "x"}), 404, code="model_not_found", param="model")
        assert "m" in message
        assert "big-*" in message


async def test_unknown_routes_and_methods(tmp_path: Path) -> None:
    async with proxy(tmp_path) as p:
        assert_error(await p.http.get("/v1/nothing"), 404)
        assert_error(await p.http.put("/v1/responses"), 405)


async def test_unknown_types_are_dropped_and_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    body = {
        "model": "m",
        "input": [{"type": "telepathy", "id": "t"}, {"role": "user", "content": "Hi"}],
        "tools": [{"type": "crystal_ball"}],
        "aura": "blue",
    }
    caplog.set_level(logging.INFO, "proxy")
    async with proxy(tmp_path) as p:
        p.backend.script(json_answer(COMPLETION))
        answer = await p.post(body)
        assert answer.status_code == 200
        assert answer.headers["x-dragoman-adapted"] == "dropped aura, dropped input[0], dropped tools[0]"
        assert p.backend.requests[0].json["messages"] == [{"role": "user", "content": "Hi"}]
    assert any("telepathy" in str(getattr(record, "facts", "")) for record in caplog.records)


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"aura": "blue"}, "aura"),
        ({"tools": [{"type": "crystal_ball"}]}, "tools[0]"),
        ({"input": [{"type": "telepathy"}, {"role": "user", "content": "Hi"}]}, "input[0]"),
    ],
)
async def test_unknown_types_are_refused_where_the_setting_says_so(tmp_path: Path, more: Json, param: str) -> None:
    async with proxy(tmp_path, on_unsupported="refuse") as p:
        assert_error(await p.post({**ASK, **more}), 400, code="unsupported_parameter", param=param)


# --- keys and headers ----------------------------------------------------------------------------


async def test_inbound_keys(tmp_path: Path) -> None:
    async with proxy(tmp_path, server={"api_keys": ["in-1", "in-2"]}) as p:
        p.backend.always(json_answer(COMPLETION))
        assert_error(await p.post(ASK), 401, code="invalid_api_key")
        wrong = await p.post(ASK, headers={"authorization": "Bearer in-3"})
        assert_error(wrong, 401, code="invalid_api_key")
        assert_error(await p.http.get("/v1/models"), 401, code="invalid_api_key")
        for key in ("in-1", "in-2"):
            assert (await p.post(ASK, headers={"authorization": f"Bearer {key}"})).status_code == 200
        assert (await p.http.get("/healthz")).status_code == 200
        assert all("in-" not in str(request.headers) for request in p.backend.requests)


async def test_g16_only_named_headers_travel(tmp_path: Path) -> None:
    upstream = {"api_key": "sk-up", "forward_headers": ["x-session"], "headers": {"x-fixed": "1"}}
    async with proxy(tmp_path, upstream=upstream) as p:
        p.backend.script(json_answer(COMPLETION, headers={"x-request-id": "r1", "set-cookie": "a=b", "server": "s"}))
        mine = {"authorization": "Bearer mine", "x-session": "s1", "x-other": "no", "cookie": "c=d"}
        answer = await p.post(ASK, headers=mine)
        assert answer.headers["x-upstream-request-id"] == "r1"
        assert "set-cookie" not in answer.headers
        sent = p.backend.requests[0].headers
        assert (sent["authorization"], sent["x-session"], sent["x-fixed"]) == ("Bearer sk-up", "s1", "1")
        assert "x-other" not in sent
        assert "cookie" not in sent


async def test_the_clients_own_key_passes_where_the_upstream_says_so(tmp_path: Path) -> None:
    async with proxy(tmp_path, upstream={"pass_client_key": True}) as p:
        p.backend.script(json_answer(COMPLETION))
        await p.post(ASK, headers={"authorization": "Bearer mine"})
        assert p.backend.requests[0].headers["authorization"] == "Bearer mine"


async def test_no_key_in_errors_or_logs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with proxy(tmp_path, upstream={"api_key": "sk-secret"}) as p:
        refusal = {"error": {"message": "Incorrect API key provided: sk-secret", "type": "invalid_request_error"}}
        p.backend.script(json_answer(refusal, status=401))
        answer = await p.post(ASK)
        assert_error(answer, 502, code="upstream_key_refused")
        assert "sk-secret" not in answer.text
    assert "sk-secret" not in caplog.text


# --- the upstream's failures ---------------------------------------------------------------------

MODES = pytest.mark.parametrize("ask", [ASK, STREAM], ids=["plain", "stream"])


@MODES
@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500, 502, 503])
async def test_the_upstreams_status_is_kept(tmp_path: Path, ask: Json, status: int) -> None:
    async with proxy(tmp_path) as p:
        body = {"error": {"message": "Told so.", "type": "some_error", "param": "top_p", "code": "some_code"}}
        p.backend.script(json_answer(body, status=status, headers={"retry-after": "7"}))
        answer = await p.post(ask)
        assert assert_error(answer, status, code="some_code", param="top_p") == "Told so."
        assert answer.headers["retry-after"] == "7"


@MODES
@pytest.mark.parametrize("status", [304, 600, 999])
async def test_a_status_that_is_none_is_a_broken_answer(tmp_path: Path, ask: Json, status: int) -> None:
    async with proxy(tmp_path) as p:
        p.backend.script(json_answer({"error": {"message": "Told so."}}, status=status))
        assert_error(await p.post(ask), 502)


@MODES
async def test_an_error_under_a_success(tmp_path: Path, ask: Json) -> None:
    async with proxy(tmp_path) as p:
        p.backend.script(json_answer({"error": {"message": "slow down", "code": 429}}))
        assert_error(await p.post(ask), 429)


@MODES
async def test_html_instead_of_json(tmp_path: Path, ask: Json) -> None:
    page = b"<html><body>Bad gateway</body></html>"
    async with proxy(tmp_path) as p:
        p.backend.script(
            json_answer(page, content_type="text/html"), json_answer(page, content_type="text/html", status=503)
        )
        assert "text/html" in assert_error(await p.post(ask), 502)
        assert_error(await p.post(ask), 503)


@MODES
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"{}", b'{"choices":[]}', b'{"choices":5}', b"\xff\xfe"])
async def test_broken_json(tmp_path: Path, ask: Json, body: bytes) -> None:
    async with proxy(tmp_path) as p:
        p.backend.script(json_answer(body))
        assert_error(await p.post(ask), 502)


@MODES
async def test_an_upstream_that_is_down(tmp_path: Path, ask: Json) -> None:
    async with proxy(tmp_path, upstream={"base_url": "http://127.0.0.1:9/v1"}) as p:
        assert_error(await p.post(ask), 502, code="upstream_unreachable")


@MODES
async def test_an_upstream_that_never_answers(tmp_path: Path, ask: Json) -> None:
    async with proxy(tmp_path, upstream={"first_byte_timeout": 0.05}) as p:
        p.backend.script(silence())
        assert_error(await p.post(ask), 504, code="upstream_timeout")


async def test_an_upstream_that_falls_silent(tmp_path: Path) -> None:
    async with proxy(tmp_path, upstream={"read_timeout": 0.05}) as p:
        p.backend.script(sse_answer([*CHUNKS[:2], asyncio.Event()]))
        response = check_events(check_frames((await p.post(STREAM)).content))
        assert response["status"] == "failed"
        assert response["output"][0]["status"] == "incomplete"


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    async with proxy(tmp_path) as p:
        p.backend.script(json_answer({}, status=302, headers={"location": "http://127.0.0.1:9/"}))
        assert_error(await p.post(ASK), 502)


async def test_a_stream_cut_at_any_byte(tmp_path: Path) -> None:
    """Each cut gives a whole stream of events; only after a finish reason is it completed."""
    whole = sse_answer(CHUNKS)
    length = sum(len(write) for write in whole.writes if isinstance(write, bytes))
    finish = sum(len(write) for write in whole.writes[:4] if isinstance(write, bytes))
    async with proxy(tmp_path) as p:
        for cut in range(0, length, 7):
            p.backend.script(sse_answer(CHUNKS, cut_after=cut, cut="reset" if cut % 2 else "close"))
            answer = await p.post(STREAM)
            if answer.status_code != 200:
                assert_error(answer, 502)
                continue
            status = check_events(check_frames(answer.content))["status"]
            assert status == "failed" or cut >= finish - 2


@pytest.mark.parametrize("cut", [0, 1, 20, 200])
async def test_a_whole_answer_that_is_cut(tmp_path: Path, cut: int) -> None:
    async with proxy(tmp_path) as p:
        p.backend.script(json_answer(COMPLETION, cut_after=cut))
        assert_error(await p.post(ASK), 502)


async def test_s21_an_error_in_the_middle_of_a_stream(tmp_path: Path) -> None:
    async with proxy(tmp_path) as p:
        p.backend.script(sse_answer([*CHUNKS[:2], {"error": {"message": "Out of memory", "code": 500}}]))
        response = check_events(check_frames((await p.post(STREAM)).content))
        assert response["error"] == {"code": "server_error", "message": "Out of memory"}
        assert len(p.backend.requests) == 1  # what has begun is not asked for again


# --- leaving -------------------------------------------------------------------------------------


async def test_g14_a_client_that_leaves_a_stream_closes_the_upstream(tmp_path: Path) -> None:
    async with proxy(tmp_path) as p:
        p.backend.script(sse_answer([*CHUNKS[:2], asyncio.Event()]))
        async with p.http.stream("POST", "/v1/responses", json=STREAM) as answer:
            async for piece in answer.aiter_raw():
                if b"Hel" in piece:
                    break
        await p.backend.closed()


@MODES
async def test_g14_a_client_that_leaves_while_waiting_closes_the_upstream(tmp_path: Path, ask: Json) -> None:
    async with proxy(tmp_path) as p:
        p.backend.script(silence())
        asking = asyncio.create_task(p.post(ask))
        await p.backend.received()
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        await p.backend.closed()


# --- keep-alive ----------------------------------------------------------------------------------


async def test_s07_silence_is_broken_by_events(tmp_path: Path) -> None:
    """SSE comments do not reset Codex's timer; a repeated `response.in_progress` does (openai/codex#31539)."""
    more = asyncio.Event()
    async with proxy(tmp_path, server={"keep_alive_seconds": 0.02}) as p:
        p.backend.script(sse_answer([*CHUNKS[:2], more, *CHUNKS[2:]]))
        async with p.http.stream("POST", "/v1/responses", json=STREAM) as answer:
            seen = b""
            async for piece in answer.aiter_raw():
                seen += piece
                if seen.count(b"event: response.in_progress") >= 3:
                    more.set()
        assert check_events(check_frames(seen))["status"] == "completed"


async def test_a_slow_upstream_does_not_keep_the_client_waiting_for_a_head(tmp_path: Path) -> None:
    more = asyncio.Event()
    async with proxy(tmp_path, server={"keep_alive_seconds": 0.02}) as p:
        p.backend.script(Answer(hold_head=more, status=429, writes=[b'{"error":{"message":"Too many"}}']))
        async with p.http.stream("POST", "/v1/responses", json=STREAM) as answer:
            assert answer.status_code == 200
            seen = b""
            async for piece in answer.aiter_raw():
                seen += piece
                more.set()
        response = check_events(check_frames(seen))
        assert response["error"] == {"code": "rate_limit_exceeded", "message": "Too many. Please try again in 5s."}


# --- the other routes ----------------------------------------------------------------------------


async def test_models(tmp_path: Path) -> None:
    async with proxy(tmp_path) as p:
        for path in ("/v1/models", "/models"):
            listed = (await p.http.get(path)).json()
            assert listed["object"] == "list"
            assert [(model["id"], model["object"], model["owned_by"]) for model in listed["data"]] == [
                ("m", "model", "scripted")
            ]
        assert (await p.http.get("/v1/models/m")).json()["id"] == "m"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health(tmp_path: Path, path: str) -> None:
    async with proxy(tmp_path) as p:
        assert (await p.http.get(path)).json() == {"status": "ok"}
