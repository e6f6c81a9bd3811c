"""Requests to servers on this machine leave in the step that connects, and as any others where that cannot be."""

from __future__ import annotations

import asyncio
import hashlib
import socket

import pytest

from proxy.transports import ConnectFailed, Endpoint, Transport
from proxy.transports.near import NearServers
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


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"{}")
    writer.write(LAST)
    await writer.drain()
    writer.close()


@pytest.mark.parametrize(
    ("url", "peer"),
    [
        ("http://192.0.2.1/", ("192.0.2.1", 80)),
        ("http://vllm:8000/", ("127.0.0.1", 8000)),  # a name may mean another machine tomorrow
        ("https://localhost/", ("127.0.0.1", 443)),
        ("http://localhost/", None),  # the connection was closed before anyone could ask
    ],
)
def test_what_is_not_near(url: str, peer: tuple[str, int] | None) -> None:
    servers, endpoint = NearServers(), Endpoint.parse(url)
    servers.learn(endpoint, peer)
    assert servers.connect(endpoint) is None
