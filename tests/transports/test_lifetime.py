"""However a request ends early, its connection ends with it; and a slow reader slows the server down."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from proxy.transports import Answer, ConnectionCut, Transport, create_transport
from tests.transports.pieces import Pieces
from tests.transports.wire import CHUNKED, PATIENT, Peer, ScriptedServer, answering, chunk, exchange, whole


async def test_leaving_early_closes_the_connection(transport: Transport) -> None:
    async with exchange(transport, answering(CHUNKED + chunk(b"word"))) as (answer, peer):
        async for piece in Pieces(answer):
            assert piece == b"word"
            break
        await answer.aclose()
        await peer.closed.wait()
        with pytest.raises(ConnectionCut):
            await answer.read(1000)


async def test_closing_an_answer_that_was_never_read(transport: Transport) -> None:
    async with ScriptedServer(answering(CHUNKED)) as server:
        answer = await transport.send(server.endpoint(), [], b"{}", PATIENT)
        await answer.aclose()
        await (await server.peer()).closed.wait()


async def test_closing_an_answer_under_its_reader(transport: Transport) -> None:
    async with ScriptedServer(answering(CHUNKED)) as server:
        answer = await transport.send(server.endpoint(), [], b"{}", PATIENT)
        reading = asyncio.ensure_future(answer.read(1000))
        await asyncio.sleep(0)
        await answer.aclose()
        with pytest.raises(ConnectionCut):
            await reading
        await (await server.peer()).closed.wait()


async def _read(transport: Transport, server: ScriptedServer, begun: asyncio.Event | None = None) -> bytes:
    async with await transport.send(server.endpoint(), [], b"{}", PATIENT) as answer:
        if begun is not None:
            begun.set()
        return await answer.read(1000)


async def _cancelled(task: asyncio.Future[bytes]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancelled_while_connecting(transport: Transport) -> None:
    async def silent(peer: Peer) -> None:
        await peer.reader.read(1)
        peer.asked.set()
        await peer.until_closed()

    async def send() -> bytes:
        endpoint = msgspec.structs.replace(server.endpoint(), scheme="https")
        async with await transport.send(endpoint, [], b"{}", PATIENT) as answer:
            return await answer.read(1000)

    async with ScriptedServer(silent) as server:
        task = asyncio.create_task(send())
        peer = await server.peer()
        await peer.asked.wait()
        await _cancelled(task)
        await peer.closed.wait()


async def test_cancelled_before_the_head(transport: Transport) -> None:
    async with ScriptedServer(answering(b"")) as server:
        task = asyncio.create_task(_read(transport, server))
        peer = await server.peer()
        await peer.asked.wait()
        await _cancelled(task)
        await peer.closed.wait()


async def test_cancelled_in_the_body(transport: Transport) -> None:
    async with ScriptedServer(answering(CHUNKED + chunk(b"word"))) as server:
        begun = asyncio.Event()
        task = asyncio.create_task(_read(transport, server, begun))
        await begun.wait()
        await _cancelled(task)
        await (await server.peer()).closed.wait()


async def test_cancelled_in_the_body_without_a_context(transport: Transport) -> None:
    async with ScriptedServer(answering(CHUNKED)) as server:
        answer = await transport.send(server.endpoint(), [], b"{}", PATIENT)
        task = asyncio.ensure_future(answer.read(1000))
        await asyncio.sleep(0)
        await _cancelled(task)
        await (await server.peer()).closed.wait()


async def test_cancelled_at_every_step(kind: str) -> None:
    """Whatever step the task had come to, no connection stays open and no place stays taken."""
    transport = create_transport(kind, max_connections=1)
    answer_bytes = whole(b"ok")
    async with ScriptedServer(answering(*[answer_bytes] * 1000)) as server:
        steps = 0
        while True:
            task = asyncio.create_task(_read(transport, server))
            for _ in range(steps):
                await asyncio.sleep(0)
            if task.done():
                break
            await _cancelled(task)
            steps += 1
        assert await task == b"ok"
        assert await _read(transport, server) == b"ok"
        await transport.aclose()
        for peer in server.peers:
            await peer.closed.wait()


async def test_cancelled_while_waiting_for_a_place(kind: str) -> None:
    transport = create_transport(kind, max_connections=1)
    async with ScriptedServer(answering(CHUNKED)) as server:
        answer = await transport.send(server.endpoint(), [], b"{}", PATIENT)
        waiting = [asyncio.create_task(_read(transport, server)) for _ in range(3)]
        await asyncio.sleep(0)
        await _cancelled(waiting[0])
        await answer.aclose()
        await (await server.peer(1)).asked.wait()
        await _cancelled(waiting[1])
        await (await server.peer(2)).asked.wait()
        await _cancelled(waiting[2])
        await transport.aclose()


# More than what a pair of loopback sockets holds by itself, and less than the whole body.
KERNEL_BUFFERS = 24 << 20
BODY_SIZE = 48 << 20


class _Flood:
    """Writes as fast as it may, and counts."""

    def __init__(self) -> None:
        self.written = 0

    async def __call__(self, peer: Peer) -> None:
        await peer.request()
        await peer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % BODY_SIZE)
        block = bytes(1 << 16)
        while self.written < BODY_SIZE:
            await peer.write(block)
            self.written += len(block)
        await peer.until_closed()

    async def until_stalled(self) -> None:
        """Until a thousand turns of the loop brought no progress."""
        turns, before = 0, -1
        while turns < 1000:
            assert self.written < KERNEL_BUFFERS, "nothing held the server back"
            turns = turns + 1 if self.written == before else 0
            before = self.written
            await asyncio.sleep(0)


async def test_a_reader_that_does_not_read_stalls_the_server(transport: Transport) -> None:
    flood = _Flood()
    async with exchange(transport, flood) as (answer, _):
        await flood.until_stalled()
        size = await _drained(answer)
    assert size == flood.written == BODY_SIZE


async def test_leaving_a_stalled_answer(transport: Transport) -> None:
    flood = _Flood()
    async with exchange(transport, flood) as (answer, peer):
        await flood.until_stalled()
        await answer.aclose()
        await peer.closed.wait()


async def _drained(answer: Answer) -> int:
    size = 0
    async for piece in Pieces(answer):
        size += len(piece)
    return size
