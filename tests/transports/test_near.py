"""Requests to servers on this machine leave in the step that connects, and as any others where that cannot be."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import socket

import pytest

from proxy.dead_peers import ask_when_silent
from proxy.transports import ConnectFailed, ConnectionCut, Endpoint, Transport
from proxy.transports.near import NearServers, is_near
from tests.transports.wire import PATIENT, Peer, ScriptedServer, answering, whole

LAST = whole(b"ok", "connection: close")


async def _ask(transport: Transport, endpoint: Endpoint, body: bytes = b"{}") -> bytes:
    async with await transport.send(endpoint, [], body, PATIENT) as answer:
        return await answer.read(1000)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_the_request_leaves_in_the_step_that_connects(native: Transport, host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        endpoint = Endpoint.parse(f"http://{host}:{listener.getsockname()[1]}/")
        first = asyncio.create_task(_ask(native, endpoint))
        peer, _ = await asyncio.to_thread(listener.accept)
        with peer:
            await asyncio.to_thread(peer.recv, 1000)
            peer.sendall(LAST)
            assert await first == b"ok"

        second = asyncio.create_task(_ask(native, endpoint))
        await asyncio.sleep(0)
        # The loop does not turn meanwhile: whatever comes was written in the task's first step.
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(60)
            assert peer.recv(1000).endswith(b"content-length: 2\r\n\r\n{}")
            peer.sendall(LAST)
            assert await second == b"ok"


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


async def test_no_more_files_may_be_open(native: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    async with ScriptedServer(answering(LAST)) as server:
        assert await _ask(native, server.endpoint()) == b"ok"
        monkeypatch.setattr(NearServers, "connect", refuse)
        with pytest.raises(ConnectFailed, match="Too many open files"):
            await _ask(native, server.endpoint())


async def test_cancelled_before_the_loop_has_the_connection(native: Transport) -> None:
    async with ScriptedServer(answering(LAST)) as server:
        assert await _ask(native, server.endpoint()) == b"ok"
        cancelled = asyncio.create_task(_ask(native, server.endpoint()))
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        peer = await server.peer(1)
        await peer.asked.wait()  # it had been written
        await peer.closed.wait()
        assert await _ask(native, server.endpoint()) == b"ok"


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"{}")
    writer.write(LAST)
    await writer.drain()
    writer.close()


@pytest.mark.parametrize(
    ("url", "peer"),
    [
        ("http://vllm:8000/", ("127.0.0.1", 8000)),  # a name may mean another machine tomorrow
        ("https://localhost/", ("127.0.0.1", 443)),
    ],
)
def test_what_has_to_be_connected_as_ever(url: str, peer: tuple[str, int]) -> None:
    servers, endpoint = NearServers(), Endpoint.parse(url)
    servers.learn(endpoint, peer)
    assert servers.connect(endpoint) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1"])
def test_near(host: str) -> None:
    assert is_near((host, 80))


@pytest.mark.parametrize("host", ["192.0.2.1", "10.0.0.1", "2001:db8::1"])
def test_not_near(host: str) -> None:
    assert not is_near((host, 80))


async def test_a_server_elsewhere_may_vanish(native: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only there: one on this machine cannot go without a word, but may read nothing for as long as it is busy."""
    watched: list[bool] = []

    def watch(connection: socket.socket) -> None:
        ask_when_silent(connection)
        watched.append(bool(connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)))

    monkeypatch.setattr("proxy.transports.native.ask_when_silent", watch)
    async with ScriptedServer(answering(LAST)) as server:
        assert await _ask(native, server.endpoint()) == b"ok"
        assert watched == []
        monkeypatch.setattr("proxy.transports.native.is_near", lambda peer: False)
        assert await _ask(native, server.endpoint(host="localhost")) == b"ok"
        assert watched == [True]


async def test_a_server_elsewhere_that_closes_at_once(native: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    async def close(peer: Peer) -> None:
        peer.reset()

    monkeypatch.setattr("proxy.transports.native.is_near", lambda peer: False)
    async with ScriptedServer(close) as server:
        for _ in range(20):
            with pytest.raises(ConnectionCut):
                await _ask(native, server.endpoint())
