"""What a WebSocket may make the server hold, and clients that leave it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from proxy.endpoints import responses_socket
from tests.support.chat_backend import ChatBackend, silence
from tests.support.live import LiveProxy, config_for, said
from tests.support.turns import hearing, turns_until

Json = dict[str, Any]
CREATE: Json = {"type": "response.create", "model": "m", "input": "hi"}


@contextlib.asynccontextmanager
async def served(**server: Any) -> AsyncIterator[tuple[ChatBackend, LiveProxy]]:
    async with ChatBackend() as backend, LiveProxy(config_for(backend.base_url, **server)) as proxy:
        yield backend, proxy


def socket_to(proxy: LiveProxy, **options: Any) -> connect:
    return connect(proxy.url.replace("http", "ws") + "/responses", proxy=None, **options)


async def closed_with(socket: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed) as caught:
        await _receive_all(socket)
    return None if caught.value.rcvd is None else caught.value.rcvd.code


async def test_compression_is_not_taken() -> None:
    async with served() as (_, proxy), socket_to(proxy, extensions=[ClientPerMessageDeflateFactory()]) as socket:
        assert socket.protocol.extensions == []


async def test_a_message_over_the_limit_ends_the_connection() -> None:
    async with served(max_message_bytes=10_000) as (backend, proxy):
        backend.always(said("a"))
        async with socket_to(proxy) as socket:
            await socket.send(json.dumps(CREATE | {"input": "a" * 9_000}))
            assert json.loads(await socket.recv())["type"] == "response.created"
            await socket.send(json.dumps(CREATE | {"input": "a" * 10_000}))
            assert await closed_with(socket) == 1009


async def _receive_all(socket: ClientConnection) -> None:
    while True:
        await socket.recv()


@pytest.mark.parametrize("pieces", [[b"\xff"], [b'{"a":"\xc3', b'"}']], ids=["whole", "in pieces"])
async def test_text_that_is_not_utf8_is_the_clients_mistake(
    pieces: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    async with served() as (_, proxy), socket_to(proxy) as socket:
        await socket.send(pieces if len(pieces) > 1 else pieces[0], text=True)
        assert await closed_with(socket) == 1007
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("piece", ["", "a"])
async def test_so_does_one_in_too_many_pieces(piece: str) -> None:
    async with served() as (_, proxy), socket_to(proxy) as socket:
        with contextlib.suppress(ConnectionClosed):
            await socket.send(piece for _ in range(6000))
        assert await closed_with(socket) == 1009


async def test_waiting_messages_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    put = responses_socket._Waiting.put

    def noted(waiting: responses_socket._Waiting, message: bytes) -> None:
        put(waiting, message)
        held.append(waiting._bytes)

    monkeypatch.setattr(responses_socket._Waiting, "put", noted)
    size, count = 600_000, 60
    async with served(max_message_bytes=1_000_000) as (backend, proxy), socket_to(proxy) as socket:
        backend.script(silence(), *[said("a")] * (count - 1))
        message = json.dumps(CREATE | {"input": "a" * size, "store": False})
        sending = asyncio.ensure_future(_send_all(socket, message, count))
        await backend.received(1)
        await turns_until(lambda: len(held) >= 3)  # one is answered, two wait, and no more is read
        for _ in range(1000):
            await asyncio.sleep(0)
        assert len(held) == 3
        assert not sending.done()
        assert max(held) < 2 * 1_000_000
        sending.cancel()  # what is open ends with the server, whose end is noticed though nothing is read


async def _send_all(socket: ClientConnection, message: str, count: int) -> None:
    for _ in range(count):
        await socket.send(message)


async def test_there_are_only_so_many() -> None:
    async with served(max_websockets=1) as (_, proxy):
        async with socket_to(proxy):
            with hearing() as records, pytest.raises(InvalidStatus) as caught:
                async with socket_to(proxy):
                    pass
            response = caught.value.response
            assert (response.status_code, response.headers["retry-after"]) == (503, "5")
            assert json.loads(response.body or b"")["error"]["code"] == "too_many_connections"
            assert [record for record in records if record.levelno >= logging.ERROR] == []
        for _ in range(1000):
            with contextlib.suppress(InvalidStatus):
                async with socket_to(proxy):
                    return  # there is room again
        raise AssertionError("its place is lost")


@pytest.mark.parametrize(("length", "status"), [(8000, 101), (8200, 431), (60_000, 431), (70_000, 431)])
async def test_a_handshake_with_a_long_header_is_answered(length: int, status: int) -> None:
    async with served() as (_, proxy):
        if status == 101:
            async with socket_to(proxy, additional_headers={"x-long": "a" * length}):
                return
        with pytest.raises(InvalidStatus) as caught:
            async with socket_to(proxy, additional_headers={"x-long": "a" * length}):
                pass
        assert caught.value.response.status_code == status


@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("clean", [False, True])
async def test_leaving_with_messages_queued_is_no_error(busy: bool, clean: bool) -> None:
    async with served() as (backend, proxy):
        with hearing() as records:
            backend.script(silence())
            async with socket_to(proxy) as socket:
                if busy:
                    await socket.send(json.dumps(CREATE))
                    await backend.received(1)
                for bad in ("{", "[]", '{"type": "no"}', '{"type": "response.create"}') * 3:
                    await socket.send(bad)
                if not clean:
                    socket.transport.abort()
            answer = await proxy.http.get("/models")
            assert answer.status_code == 200
            await turns_until(lambda: any(record.getMessage() == "answered" for record in records))
        assert [record for record in records if record.levelno >= logging.WARNING or record.exc_info] == []


HANDSHAKE = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


async def said_to(proxy: LiveProxy, first: str, fields: Json, body: bytes = b"") -> tuple[int, Json]:
    """The status and the body of the answer to these bytes, whose connection ends with it."""
    head = "\r\n".join([first, *(f"{name}: {value}" for name, value in fields.items()), "", ""])
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(head.encode() + body)
        answer = await asyncio.wait_for(reader.read(), 30)
    finally:
        writer.close()
    status, _, said_in = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in status.lower()
    return int(status.split()[1]), json.loads(said_in)["error"]


@pytest.mark.parametrize(
    ("without", "more", "words"),
    [
        ("Sec-WebSocket-Key", {}, "missing Sec-WebSocket-Key header"),
        ("Sec-WebSocket-Version", {}, "missing Sec-WebSocket-Version header"),
        ("", {"Sec-WebSocket-Key": "a"}, "invalid Sec-WebSocket-Key header: a"),
        ("", {"Sec-WebSocket-Version": "1" * 5000}, "1… ("),
        ("", {"Content-Length": "2"}, "unsupported request body"),
        ("", {"Transfer-Encoding": "chunked"}, "transfer codings aren't supported"),
    ],
)
async def test_a_handshake_that_is_none_is_refused_in_the_envelope(without: str, more: Json, words: str) -> None:
    fields = {name: value for name, value in HANDSHAKE.items() if name != without} | more
    async with served() as (_, proxy):
        status, error = await said_to(proxy, "GET /v1/responses HTTP/1.1", fields, b"{}")
        assert status == 400
        assert words in error["message"]
        assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", None, "invalid_handshake")
        assert len(error["message"]) < 300


async def test_a_post_that_offers_a_websocket_is_a_post() -> None:
    body = json.dumps({"model": "m", "input": "hi"}).encode()
    fields = HANDSHAKE | {"Content-Type": "application/json", "Content-Length": len(body)}
    async with served() as (backend, proxy):
        backend.always(said("hello"))
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"POST /v1/responses HTTP/1.1\r\n{head}\r\n".encode() + body)
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        assert answer.startswith(b"HTTP/1.1 200 ")
        writer.close()
