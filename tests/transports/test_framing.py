"""How an answer is cut out of the bytes of a connection, however those bytes are split."""

from __future__ import annotations

import pytest

from proxy.transports import Transport
from tests.transports.pieces import Pieces
from tests.transports.wire import (
    CHUNKED,
    LAST_CHUNK,
    PATIENT,
    Peer,
    Script,
    ScriptedServer,
    answering,
    chunk,
    exchange,
    whole,
)

TEXT = 'data: {"text":"héllo \u2028"}\n\n'.encode()

# Answer, the method that asked for it, the body that must come of it.
ANSWERS = {
    "content-length": (whole(TEXT), "POST", TEXT),
    "empty": (whole(b""), "POST", b""),
    "chunked": (CHUNKED + chunk(TEXT) + chunk(b"x") + LAST_CHUNK, "POST", TEXT + b"x"),
    "chunked, empty": (CHUNKED + LAST_CHUNK, "POST", b""),
    "chunk extension": (CHUNKED + b'3;name="value"\r\nabc\r\n' + LAST_CHUNK, "POST", b"abc"),
    "trailers": (CHUNKED + chunk(TEXT) + b"0\r\ndigest: 1\r\n\r\n", "POST", TEXT),
    "continue first": (b"HTTP/1.1 100 Continue\r\n\r\n" + whole(TEXT), "POST", TEXT),
    "hints first": (b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 2 + CHUNKED + LAST_CHUNK, "POST", b""),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", "POST", b""),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", "GET", b""),
    "head": (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", "HEAD", b""),
    "head of a chunked answer": (CHUNKED, "HEAD", b""),
    "kept alive by HTTP/1.0": (
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
        "POST",
        b"ok",
    ),
}
UNTIL_EOF = {
    "no length": b"HTTP/1.1 200 OK\r\n\r\n",
    "connection: close": b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\n",
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_whole_answer(transport: Transport, name: str) -> None:
    answer_bytes, method, expected = ANSWERS[name]
    async with exchange(transport, answering(answer_bytes), body=None, method=method) as (answer, _):
        assert await answer.read(1000) == expected


@pytest.mark.parametrize("name", ANSWERS)
async def test_byte_by_byte(transport: Transport, name: str) -> None:
    answer_bytes, method, expected = ANSWERS[name]

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.dribble(answer_bytes)
        await peer.until_closed()

    async with exchange(transport, script, body=None, method=method) as (answer, _):
        pieces = [piece async for piece in Pieces(answer)]
    assert b"".join(pieces) == expected
    assert all(pieces)


@pytest.mark.parametrize("name", UNTIL_EOF)
async def test_body_until_the_connection_ends(transport: Transport, name: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(UNTIL_EOF[name] + TEXT)
        await peer.write(TEXT)

    async with exchange(transport, script) as (answer, _):
        assert await answer.read(1000) == TEXT + TEXT


async def test_status_and_headers(transport: Transport) -> None:
    fields = ("Content-Type: text/event-stream", "X-Empty:", "Set-Cookie: a=1", "set-cookie: b=\u00e4")
    head = "\r\n".join(("HTTP/1.1 429 Too Many Requests", *fields, "Content-Length: 0", "", "")).encode("latin-1")
    async with exchange(transport, answering(head)) as (answer, _):
        assert answer.status == 429
        assert answer.headers == {
            "content-type": "text/event-stream",
            "x-empty": "",
            "set-cookie": "a=1, b=\u00e4",
            "content-length": "0",
        }


async def test_a_chunk_is_handed_over_before_the_next_is_sent(transport: Transport) -> None:
    async with exchange(transport, answering(CHUNKED)) as (answer, peer):
        pieces = Pieces(answer)
        for word in (b"one", b"two", b"three"):
            await peer.write(chunk(word))
            assert await anext(pieces) == word
        await peer.write(LAST_CHUNK)
        assert await anext(pieces, None) is None


async def test_what_arrived_together_is_one_piece(native: Transport) -> None:
    async with exchange(native, answering(CHUNKED + chunk(b"one") + chunk(b"two") + LAST_CHUNK)) as (answer, _):
        assert [piece async for piece in Pieces(answer)] == [b"onetwo"]


async def test_large_bodies_both_ways(transport: Transport) -> None:
    body = bytes(range(256)) * 8192

    async def echo(peer: Peer) -> None:
        _, asked = await peer.request()
        await peer.write(whole(asked))
        await peer.until_closed()

    async with exchange(transport, echo, body=body) as (answer, _):
        assert await answer.read(len(body)) == body


def _sends(kept: list[str]) -> Script:
    async def script(peer: Peer) -> None:
        head, _ = await peer.request()
        kept.append(head)
        await peer.write(whole(b""))
        await peer.until_closed()

    return script


async def test_request_on_the_wire(native: Transport) -> None:
    heads: list[str] = []
    async with ScriptedServer(_sends(heads)) as server:
        headers = [("Authorization", "Bearer k"), ("x-name", "b\u00fccher")]
        async with await native.send(server.endpoint("/v1/chat?a=1"), headers, b"{}", PATIENT):
            pass
        host = f"127.0.0.1:{server.port}"
    assert heads == [
        f"POST /v1/chat?a=1 HTTP/1.1\r\nhost: {host}\r\naccept-encoding: identity\r\n"
        "Authorization: Bearer k\r\nx-name: b\u00fccher\r\ncontent-length: 2\r\n\r\n"
    ]


@pytest.mark.parametrize(("method", "length"), [("POST", "0"), ("GET", None)])
async def test_request_without_a_body(transport: Transport, method: str, length: str | None) -> None:
    heads: list[str] = []
    async with exchange(transport, _sends(heads), body=None, method=method) as (_, peer):
        host, port = peer.writer.get_extra_info("sockname")
    fields = dict(line.lower().split(": ", 1) for line in heads[0].split("\r\n")[1:] if line)
    assert fields.pop("host") == f"{host}:{port}"
    assert fields.pop("accept-encoding") == "identity"
    assert fields.pop("content-length", None) == length
    assert fields == {}
