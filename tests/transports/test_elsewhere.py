"""Servers on this machine and elsewhere: what is asked of the connections to them, and how they come and go."""

from __future__ import annotations

import asyncio
import hashlib
import socket

import pytest

from proxy.net.tcp_keepalive import enable_keepalive
from proxy.transports import ConnectFailed, ConnectionCut, Endpoint, Transport
from tests.transports.wire import PATIENT, Peer, ScriptedServer, answering, whole

LAST = whole(b"ok", "connection: close")


async def _ask(transport: Transport, endpoint: Endpoint, body: bytes = b"{}") -> bytes:
    async with await transport.send(endpoint, [], body, PATIENT) as answer:
        return await answer.read(1000)


async def test_what_the_socket_does_not_take_at_once_follows(native: Transport) -> None:
    async def digest(peer: Peer) -> None:
        _, body = await peer.request()
        await peer.write(whole(hashlib.sha256(body).hexdigest().encode(), "connection: close"))

    async with ScriptedServer(digest) as server:
        for body in (b"{}", b"0123456789abcdef" * (3 << 20)):
            assert await _ask(native, server.endpoint(), body) == hashlib.sha256(body).hexdigest().encode()


async def test_a_server_that_went_and_came_back(native: Transport) -> None:
    async with ScriptedServer(answering(LAST)) as server:
        assert await _ask(native, server.endpoint()) == b"ok"
    with pytest.raises(ConnectFailed):
        await _ask(native, server.endpoint())
    again = await asyncio.start_server(_answer, "127.0.0.1", server.port)
    async with again:
        assert await _ask(native, server.endpoint()) == b"ok"


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"{}")
    writer.write(LAST)
    await writer.drain()
    writer.close()


async def test_a_server_elsewhere_may_vanish(native: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only there: one on this machine cannot go without a word, but may read nothing for as long as it is busy."""
    watched: list[bool] = []

    def watch(connection: socket.socket) -> None:
        enable_keepalive(connection)
        watched.append(bool(connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)))

    monkeypatch.setattr("proxy.transports.native.enable_keepalive", watch)
    async with ScriptedServer(answering(LAST)) as server:
        assert await _ask(native, server.endpoint()) == b"ok"
        assert watched == []
        monkeypatch.setattr("proxy.transports.native.is_loopback", lambda address: False)
        assert await _ask(native, server.endpoint(host="localhost")) == b"ok"
        assert watched == [True]


async def test_a_server_elsewhere_that_closes_at_once(native: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    async def close(peer: Peer) -> None:
        peer.reset()

    monkeypatch.setattr("proxy.transports.native.is_loopback", lambda address: False)
    async with ScriptedServer(close) as server:
        for _ in range(20):
            with pytest.raises(ConnectionCut):
                await _ask(native, server.endpoint())
