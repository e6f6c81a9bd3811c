"""Each phase has its own clock; a server that stays silent is what makes it ring."""

from __future__ import annotations

import msgspec
import pytest

from proxy.transports import TimedOut, Transport, create_transport
from tests.transports.wire import CHUNKED, PATIENT, Peer, ScriptedServer, answering, chunk, exchange

TINY = 0.02


async def test_connect(transport: Transport) -> None:
    """The server accepts and never answers the TLS handshake."""
    timeouts = msgspec.structs.replace(PATIENT, connect=TINY)
    async with ScriptedServer(Peer.until_closed) as server:
        endpoint = msgspec.structs.replace(server.endpoint(), scheme="https")
        with pytest.raises(TimedOut) as caught:
            await transport.send(endpoint, [], b"{}", timeouts)
        assert caught.value.phase == "connect"


async def test_no_free_connection(kind: str) -> None:
    transport = create_transport(kind, max_connections=1)
    timeouts = msgspec.structs.replace(PATIENT, connect=TINY)
    async with ScriptedServer(answering(CHUNKED)) as server:
        answer = await transport.send(server.endpoint(), [], b"{}", PATIENT)
        with pytest.raises(TimedOut) as caught:
            await transport.send(server.endpoint(), [], b"{}", timeouts)
        assert caught.value.phase == "connect"
        await answer.aclose()
        await transport.aclose()


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_first_byte(transport: Transport, begun: bytes) -> None:
    timeouts = msgspec.structs.replace(PATIENT, first_byte=TINY)
    async with ScriptedServer(answering(begun)) as server:
        with pytest.raises(TimedOut) as caught:
            await transport.send(server.endpoint(), [], b"{}", timeouts)
        assert caught.value.phase == "first_byte"
        await (await server.peer()).closed.wait()


@pytest.mark.parametrize("begun", [b"", chunk(b"word"), b"5\r\nwo"])
async def test_s09_between(transport: Transport, begun: bytes) -> None:
    timeouts = msgspec.structs.replace(PATIENT, between=TINY)
    async with exchange(transport, answering(CHUNKED + begun), timeouts=timeouts) as (answer, peer):
        with pytest.raises(TimedOut) as caught:
            await answer.read(100)
        assert caught.value.phase == "between"
        await peer.closed.wait()


async def test_a_timed_out_request_gives_its_place_back(kind: str) -> None:
    transport = create_transport(kind, max_connections=1)
    timeouts = msgspec.structs.replace(PATIENT, first_byte=TINY)
    async with ScriptedServer(answering(b"")) as server:
        for _ in range(3):
            with pytest.raises(TimedOut) as caught:
                await transport.send(server.endpoint(), [], b"{}", timeouts)
            assert caught.value.phase == "first_byte"
        await transport.aclose()
