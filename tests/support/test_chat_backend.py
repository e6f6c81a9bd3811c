"""The scripted backend gives exactly what was scripted, sees its client leave, and is as strict as it was told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.support.chat_backend import Answer, ChatBackend, json_answer, silence, sse_answer
from tests.support.grammar import Json

ASK: Json = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
CHUNKS: list[Json] = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in ("a", "\u2028", "é")]


def client(backend: ChatBackend) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=backend.base_url, timeout=30, verify=False)


async def ask(backend: ChatBackend, body: Any = ASK) -> httpx2.Response:
    async with client(backend) as http:
        return await http.post("/chat/completions", json=body)


async def raw(backend: ChatBackend, reads: Callable[[asyncio.StreamReader], Any]) -> Any:
    """Ask over a bare socket, so that the test sees the bytes and owns the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", backend.port)
    body = json.dumps(ASK).encode()
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    try:
        return await reads(reader)
    finally:
        writer.close()


async def test_answers_come_in_order_and_requests_are_recorded() -> None:
    async with ChatBackend() as backend:
        backend.script(json_answer({"id": 1}), lambda request: json_answer({"model": request.json["model"]}))
        async with client(backend) as http:
            first = await http.post("/chat/completions", json=ASK, headers={"X-Test": "yes"})
            second = await http.post("/chat/completions", json=ASK)
        assert (first.json(), second.json()) == ({"id": 1}, {"model": "m"})
        request = backend.requests[0]
        assert (request.method, request.path) == ("POST", "/v1/chat/completions")
        assert request.headers["x-test"] == "yes"
        assert request.json == ASK
        assert json.loads(request.body) == ASK


async def test_status_headers_and_html() -> None:
    async with ChatBackend() as backend:
        page = b"<html>Bad Gateway</html>"
        backend.script(json_answer(page, status=502, content_type="text/html", headers={"retry-after": "7"}))
        answer = await ask(backend)
        assert (answer.status_code, answer.content) == (502, page)
        assert answer.headers["content-type"] == "text/html"
        assert answer.headers["retry-after"] == "7"


@pytest.mark.parametrize(("newline", "done"), [("\n", True), ("\r\n", True), ("\n", False)])
async def test_a_stream_is_exact(newline: str, done: bool) -> None:
    async with ChatBackend() as backend:
        backend.script(sse_answer([*CHUNKS, b": note\n\n"], done=done, newline=newline))
        answer = await ask(backend)
    frames = [f"data: {json.dumps(chunk, ensure_ascii=False, separators=(',', ':'))}{newline * 2}" for chunk in CHUNKS]
    end = f"data: [DONE]{newline * 2}" if done else ""
    assert answer.content == ("".join(frames) + ": note\n\n" + end).encode()
    assert answer.headers["content-type"] == "text/event-stream"


async def test_each_write_is_a_chunk_of_its_own() -> None:
    async with ChatBackend() as backend:
        backend.script(Answer(writes=[b"ab", b"c"], framing="chunked"))
        seen = await raw(backend, lambda reader: reader.readuntil(b"0\r\n\r\n"))
    assert seen.endswith(b"\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")


async def test_an_event_holds_the_answer_until_it_is_set() -> None:
    async with ChatBackend() as backend, client(backend) as http:
        go_on = asyncio.Event()
        backend.script(sse_answer([b"one", go_on, b"two"], done=False))
        async with http.stream("POST", "/chat/completions", json=ASK) as answer:
            parts = answer.aiter_raw()
            assert await anext(parts) == b"one"
            go_on.set()
            assert await anext(parts) == b"two"


async def test_a_held_head_comes_when_its_event_is_set() -> None:
    async with ChatBackend() as backend:
        go_on = asyncio.Event()
        backend.script(json_answer({}, hold_head=go_on))
        asking = asyncio.ensure_future(ask(backend))
        await backend.received()
        assert not asking.done()
        go_on.set()
        assert (await asking).status_code == 200


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("cut", ["close", "reset"])
async def test_a_cut_body_is_an_error_at_the_client(framing: Any, cut: Any) -> None:
    async with ChatBackend() as backend:
        backend.script(Answer(writes=[b"abc", b"def"], framing=framing, cut_after=4, cut=cut))
        with pytest.raises(httpx2.HTTPError):
            await ask(backend)


async def test_cut_by_close_delivers_the_bytes_before_it() -> None:
    async with ChatBackend() as backend:
        backend.script(Answer(writes=[b"abc", b"def"], framing="close", cut_after=4))
        assert (await ask(backend)).content == b"abcd"


async def test_cut_by_reset_is_a_reset() -> None:
    async with ChatBackend() as backend:
        backend.script(Answer(writes=[b"abc"], framing="close", cut_after=0, cut="reset"))
        with pytest.raises(ConnectionResetError):
            await raw(backend, lambda reader: reader.read())


async def test_a_client_that_leaves_a_held_stream_is_noticed() -> None:
    async with ChatBackend() as backend:
        backend.script(sse_answer([b"one", asyncio.Event()]))
        async with client(backend) as http, http.stream("POST", "/chat/completions", json=ASK) as answer:
            await anext(answer.aiter_raw())
        await backend.closed()


async def test_a_client_that_leaves_before_any_answer_is_noticed() -> None:
    async with ChatBackend() as backend:
        backend.script(silence())
        asking = asyncio.ensure_future(ask(backend))
        await backend.received()
        asking.cancel()
        await backend.closed()


async def test_a_client_that_reads_everything_did_not_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.chat_backend.PATIENCE", 0.0)
    async with ChatBackend() as backend:
        backend.script(json_answer({}))
        await ask(backend)
        with pytest.raises(TimeoutError):
            await backend.closed()


async def test_requests_at_once_are_answered_by_what_they_ask() -> None:
    async with ChatBackend() as backend:
        backend.always(lambda request: json_answer(request.json["model"]))
        answers = await asyncio.gather(*(ask(backend, {**ASK, "model": f"m{n}"}) for n in range(20)))
        assert [answer.json() for answer in answers] == [f"m{n}" for n in range(20)]


async def test_other_paths_are_served_or_unknown() -> None:
    async with ChatBackend() as backend, client(backend) as http:
        backend.serve("/v1/models", json_answer({"data": []}))
        assert (await http.get("/models?limit=1")).json() == {"data": []}
        assert (await http.get("/nothing")).status_code == 404


async def test_a_request_without_a_script_fails_the_test() -> None:
    with pytest.raises(AssertionError, match="no answer was scripted"):
        async with ChatBackend() as backend:
            assert (await ask(backend)).status_code == 500


async def test_a_request_that_a_strict_server_refuses_fails_the_test() -> None:
    backend = ChatBackend()
    backend.script(json_answer({}))
    with pytest.raises(AssertionError, match="request 0: R2: "):
        async with backend:
            assert (await ask(backend, {"model": "m", "messages": []})).status_code == 400


async def test_a_lenient_backend_takes_any_request() -> None:
    async with ChatBackend(strict=False) as backend:
        backend.script(json_answer({}))
        assert (await ask(backend, ["anything"])).status_code == 200
