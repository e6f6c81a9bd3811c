"""What goes wrong on the wire, and the error that each of it becomes."""

from __future__ import annotations

import socket

import pytest

from proxy.transports import (
    AnswerTooLarge,
    ConnectFailed,
    ConnectionCut,
    Endpoint,
    MalformedAnswer,
    Transport,
)
from tests.transports.pieces import Pieces
from tests.transports.wire import CHUNKED, PATIENT, Peer, Script, ScriptedServer, answering, chunk, exchange, whole

CUT_IN_THE_HEAD = {
    "before it": b"",
    "inside a line": b"HTTP/1.1 200 OK\r\ncontent-le",
    "after a continue": b"HTTP/1.1 100 Continue\r\n\r\n",
}
CUT_IN_THE_BODY = {
    "content-length": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfive!",
    "inside a chunk": CHUNKED + b"a\r\nfive!",
    "after a chunk": CHUNKED + chunk(b"five!"),
    "inside the last chunk": CHUNKED + chunk(b"five!") + b"0\r\n",
}
MALFORMED = {
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "a bad header": b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
    "a head without end": b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000,
}
MALFORMED_FOR_NATIVE = {
    "another transfer-encoding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nx",
    "a switch of protocols": b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
    "trailers without end": CHUNKED + b"0\r\n" + b"x: " + b"a" * 200_000,
}


def _then_closes(data: bytes) -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(data)

    return script


@pytest.mark.parametrize("name", CUT_IN_THE_HEAD)
async def test_cut_in_the_head(transport: Transport, name: str) -> None:
    async with ScriptedServer(_then_closes(CUT_IN_THE_HEAD[name])) as server:
        with pytest.raises(ConnectionCut):
            await transport.send(server.endpoint(), [], b"{}", PATIENT)
        assert len(server.peers) == 1


@pytest.mark.parametrize("name", CUT_IN_THE_BODY)
async def test_cut_in_the_body(transport: Transport, name: str) -> None:
    async with exchange(transport, _then_closes(CUT_IN_THE_BODY[name])) as (answer, _):
        pieces = Pieces(answer)
        got = b""
        while len(got) < 5:
            got += await anext(pieces)
        assert got == b"five!"
        for _ in range(2):
            with pytest.raises(ConnectionCut):
                await anext(pieces)


async def test_cut_while_the_whole_body_is_read(transport: Transport) -> None:
    async with exchange(transport, _then_closes(CUT_IN_THE_BODY["after a chunk"])) as (answer, _):
        with pytest.raises(ConnectionCut):
            await answer.read(100)


async def test_reset_in_a_body_until_eof(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(b"HTTP/1.0 200 OK\r\n\r\nfive!")
        # Closing with this option set resets the connection.
        sock: socket.socket = peer.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        await peer.reader.read(1)
        peer.reset()

    async with exchange(transport, script) as (answer, peer):
        pieces = Pieces(answer)
        assert await anext(pieces) == b"five!"
        peer.reader.feed_data(b"go on")
        with pytest.raises(ConnectionCut):
            await anext(pieces)


@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed(transport: Transport, name: str) -> None:
    async with ScriptedServer(answering(MALFORMED[name])) as server:
        with pytest.raises(MalformedAnswer):
            await transport.send(server.endpoint(), [], b"{}", PATIENT)
        await (await server.peer()).closed.wait()


@pytest.mark.parametrize("name", MALFORMED_FOR_NATIVE)
async def test_malformed_for_the_native_transport(native: Transport, name: str) -> None:
    async def send() -> None:
        async with await native.send(server.endpoint(), [], b"{}", PATIENT) as answer:
            await answer.read(1000)

    async with ScriptedServer(answering(MALFORMED_FOR_NATIVE[name])) as server:
        with pytest.raises(MalformedAnswer):
            await send()
        await (await server.peer()).closed.wait()


async def test_malformed_chunk_after_good_ones(transport: Transport) -> None:
    async with exchange(transport, answering(CHUNKED + chunk(b"good") + b"zz\r\n")) as (answer, _):
        pieces = Pieces(answer)
        assert await anext(pieces) == b"good"
        with pytest.raises(MalformedAnswer):
            await anext(pieces)


async def test_refused(transport: Transport, unheard: Endpoint) -> None:
    with pytest.raises(ConnectFailed, match="no connection"):
        await transport.send(unheard, [], b"{}", PATIENT)


async def test_limit(transport: Transport) -> None:
    async with exchange(transport, answering(whole(b"x" * 100))) as (answer, _):
        assert await answer.read(100) == b"x" * 100
    async with exchange(transport, answering(whole(b"x" * 101))) as (answer, _):
        with pytest.raises(AnswerTooLarge):
            await answer.read(100)


async def test_limit_closes_an_endless_answer(transport: Transport) -> None:
    async def endless(peer: Peer) -> None:
        await peer.request()
        await peer.write(CHUNKED)
        while True:
            await peer.write(chunk(b"x" * 1000))

    async with exchange(transport, endless) as (answer, peer):
        with pytest.raises(AnswerTooLarge):
            await answer.read(100_000)
        await peer.closed.wait()
