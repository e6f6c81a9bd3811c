"""Each phase has its own clock; a server that stays silent is what makes it ring."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import pytest

from proxy.transports import Answer, TimedOut, Transport, create_transport
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


async def drip(peer: Peer) -> None:
    """Bytes that never stop, one chunk in a turn of the loop."""
    await peer.request()
    await peer.write(CHUNKED)
    with contextlib.suppress(ConnectionError):
        while True:
            await peer.write(chunk(b"x"))
            await asyncio.sleep(0)
    peer.closed.set()


@pytest.mark.parametrize("poured", [False, True])
async def test_all_of_an_answer_however_steadily_it_comes(transport: Transport, poured: bool) -> None:
    timeouts = msgspec.structs.replace(PATIENT, total=10 * TINY)

    async def take_all(answer: Answer) -> None:
        receive = answer.receiver()
        while True:
            if poured:
                await answer.pour(lambda data: True)
            await receive()

    async with exchange(transport, drip, timeouts=timeouts) as (answer, peer):
        with pytest.raises(TimedOut) as caught:
            await take_all(answer)
        assert caught.value.phase == "total"
        await peer.closed.wait()


async def test_a_head_that_does_not_come_in_the_time_of_all(transport: Transport) -> None:
    timeouts = msgspec.structs.replace(PATIENT, total=10 * TINY)
    async with ScriptedServer(answering(b"")) as server:
        with pytest.raises(TimedOut):
            await transport.send(server.endpoint(), [], b"{}", timeouts)
        await (await server.peer()).closed.wait()


async def test_a_kept_connection_has_the_time_of_each_answer(transport: Transport) -> None:
    timeouts = msgspec.structs.replace(PATIENT, total=10 * TINY)

    async def two(peer: Peer) -> None:
        for _ in range(2):
            await peer.request()
            await peer.write(CHUNKED + chunk(b"x") + b"0\r\n\r\n")
        await peer.until_closed()

    async with ScriptedServer(two) as server:
        async with await transport.send(server.endpoint(), [], b"{}", timeouts) as answer:
            assert await answer.read(10) == b"x"
        async with await transport.send(server.endpoint(), [], b"{}", PATIENT) as answer:
            assert await answer.read(10) == b"x"
