"""`pour()` and the receiver together give the body, whoever of them gives which part of it."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Callable

import msgspec
import pytest

from proxy.net.eager_send import EagerSend
from proxy.transports import Answer, ConnectionCut, Into, MalformedAnswer, TimedOut, Transport
from proxy.transports.native import NativeAnswer
from proxy.transports.native_connection import Connection
from tests.transports.connection import Exchange
from tests.transports.pieces import Pieces
from tests.transports.wire import CHUNKED, LAST_CHUNK, PATIENT, Peer, Script, ScriptedServer, answering, chunk, exchange

TINY = 0.02
WORDS = [b"one", b" two", b" three", b" four"]
BODY = b"".join(WORDS)
CHUNKS = b"".join(map(chunk, WORDS))


async def rest_of(answer: Answer) -> bytes:
    return b"".join([piece async for piece in Pieces(answer)])


async def rest_into(taken: list[bytes], answer: Answer) -> None:
    async for piece in Pieces(answer):
        taken.append(piece)


def takes(count: int, taken: list[bytes]) -> Into:
    """Takes that many pieces."""

    def into(piece: bytes) -> bool:
        taken.append(piece)
        return len(taken) < count

    return into


def in_pieces(*pieces: bytes) -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        for piece in pieces:
            await peer.write(piece)
            await asyncio.sleep(0)
        await peer.until_closed()

    return script


def dribbled(answer: bytes) -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.dribble(answer)
        await peer.until_closed()

    return script


FRAMINGS = {
    "chunked": CHUNKED + CHUNKS + LAST_CHUNK,
    "length": b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY,
    "empty": CHUNKED + LAST_CHUNK,
}


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("script", [answering, dribbled])
@pytest.mark.parametrize("count", [1, 2, 1000])
async def test_what_is_poured_and_what_is_left_is_the_body(
    transport: Transport, framing: str, script: Callable[[bytes], Script], count: int
) -> None:
    taken: list[bytes] = []
    async with exchange(transport, script(FRAMINGS[framing])) as (answer, _):
        await answer.pour(takes(count, taken))
        assert len(taken) <= count
        assert b"".join(taken) + await rest_of(answer) == (b"" if framing == "empty" else BODY)


async def test_pouring_and_receiving_in_turn(transport: Transport) -> None:
    got: list[bytes] = []
    async with exchange(transport, dribbled(FRAMINGS["chunked"])) as (answer, _):
        receive = answer.receiver()
        while True:
            await answer.pour(takes(len(got) + 2, got))
            if not (piece := await receive()):
                break
            got.append(piece)
        await answer.pour(takes(1, got))
    assert b"".join(got) == BODY


async def test_no_task_is_woken_for_a_piece(native: Transport) -> None:
    """Each piece is there in the step in which it arrived, which is none of a task."""
    tasks: list[object] = []

    def into(piece: bytes) -> bool:
        tasks.append(asyncio.current_task())
        return True

    # The first piece may have come with the head.
    async with exchange(native, in_pieces(CHUNKED, *map(chunk, WORDS), LAST_CHUNK)) as (answer, _):
        await answer.pour(into)
        assert await answer.read(1) == b""
    assert None in tasks


async def test_after_its_end_a_poured_answer_leaves_its_connection_to_the_next(native: Transport) -> None:
    async with ScriptedServer(answering(*[FRAMINGS["chunked"]] * 3)) as server:
        for _ in range(3):
            taken: list[bytes] = []
            async with await native.send(server.endpoint(), [], b"{}", PATIENT) as answer:
                await answer.pour(takes(1000, taken))
                assert b"".join(taken) + await rest_of(answer) == BODY
        assert len(server.peers) == 1


async def test_a_cut_is_for_the_receiver_to_tell(transport: Transport) -> None:
    taken: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(CHUNKED + CHUNKS)

    async with exchange(transport, script) as (answer, _):
        await answer.pour(takes(1000, taken))
        with pytest.raises(ConnectionCut):
            await rest_into(taken, answer)
    assert b"".join(taken) == BODY


async def test_a_body_that_is_no_http_is_for_the_receiver_to_tell(native: Transport) -> None:
    taken: list[bytes] = []
    async with exchange(native, in_pieces(CHUNKED, chunk(b"word") + b"this is no length\r\n")) as (answer, _):
        await answer.pour(takes(1000, taken))
        with pytest.raises(MalformedAnswer):
            await answer.read(1000)
    assert taken == [b"word"]


@pytest.mark.parametrize("begun", [b"", chunk(b"word"), b"5\r\nwo"])
async def test_silence_is_for_the_receiver_to_tell(transport: Transport, begun: bytes) -> None:
    taken: list[bytes] = []
    timeouts = msgspec.structs.replace(PATIENT, between=TINY)
    async with exchange(transport, answering(CHUNKED + begun), timeouts=timeouts) as (answer, peer):
        await answer.pour(takes(1000, taken))
        with pytest.raises(TimedOut) as caught:
            await answer.read(100)
        assert caught.value.phase == "between"
        await peer.closed.wait()


class Refusal(Exception):
    pass


@pytest.mark.parametrize("count", [1, 3])
async def test_what_the_taker_raises_is_raised(native: Transport, count: int) -> None:
    taken: list[bytes] = []

    def into(piece: bytes) -> bool:
        taken.append(piece)
        if len(taken) == count:
            raise Refusal
        return True

    async with exchange(native, dribbled(FRAMINGS["chunked"])) as (answer, peer):
        with pytest.raises(Refusal):
            await answer.pour(into)
        # Without leaving the answer's block: nobody can tell what of the body has been lost.
        await peer.closed.wait()
        with pytest.raises(ConnectionCut):
            await answer.read(1000)
    assert len(taken) == count


async def test_cancelled_while_pouring(transport: Transport) -> None:
    async with ScriptedServer(answering(CHUNKED)) as server:
        answer = await transport.send(server.endpoint(), [], b"{}", PATIENT)

        async def read_all() -> bytes:
            await answer.pour(lambda piece: True)
            return await answer.read(1000)

        task = asyncio.ensure_future(read_all())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await (await server.peer()).closed.wait()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_compressed_body_is_left_to_the_receiver(transport: Transport, encoding: str) -> None:
    packed = gzip.compress(BODY) if encoding == "gzip" else zlib.compress(BODY)
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: {len(packed)}\r\n\r\n".encode()
    taken: list[bytes] = []
    async with exchange(transport, answering(head + packed)) as (answer, _):
        await answer.pour(takes(1000, taken))
        assert taken == []
        assert await rest_of(answer) == BODY


async def test_a_closed_answer_pours_nothing_and_does_not_seem_to_end(transport: Transport) -> None:
    taken: list[bytes] = []
    async with exchange(transport, answering(CHUNKED + CHUNKS)) as (answer, _):
        await answer.aclose()
        await answer.pour(takes(1000, taken))
        with pytest.raises(ConnectionCut):
            await answer.read(1000)
    assert taken == []


# --- a connection by itself ------------------------------------------------------------------------


@pytest.fixture
async def exchange_() -> Exchange:
    begun = Exchange()
    await begun.ask(600)
    return begun


async def pouring(exchange: Exchange, into: Into, seconds: float = 60) -> asyncio.Future[None]:
    task = asyncio.ensure_future(exchange.connection.pour(into, seconds))
    await asyncio.sleep(0)
    return task


async def test_what_comes_after_a_no_is_kept_in_order_and_pauses_the_socket(exchange_: Exchange) -> None:
    taken: list[bytes] = []
    connection, block = exchange_.connection, bytes(1 << 17)
    task = await pouring(exchange_, takes(10, taken))
    for _ in range(10):
        connection.data_received(chunk(block))
        await asyncio.sleep(0)
    assert exchange_.wire.pauses == exchange_.wire.resumes, "what is poured is never unread"
    exchange_.wire.pauses = exchange_.wire.resumes = 0
    for _ in range(3):
        connection.data_received(chunk(block))
    await task
    assert len(taken) == 10
    assert exchange_.wire.pauses == 1
    assert exchange_.wire.resumes == 0
    assert connection.take() == block * 3
    assert exchange_.wire.resumes == 1


class _Flood:
    """A peer that always has another read, as libuv hands them over: in one turn, until reading is paused."""

    def __init__(self, exchange: Exchange, read: bytes) -> None:
        self._exchange = exchange
        self._read = read

    def turn(self, most: int) -> int:
        """The bytes handed over in one turn of the loop, if it may be no more than `most` reads."""
        wire, taken = self._exchange.wire, 0
        for _ in range(most):
            if wire.pauses > wire.resumes:
                break
            self._exchange.connection.data_received(self._read)
            taken += len(self._read)
        return taken


@pytest.mark.parametrize("read", [chunk(b"\n" * 250_000), chunk(b": x\n\n" * 5000), chunk(b"\n") * 10_000])
async def test_a_flood_leaves_each_turn_of_the_loop_to_others(exchange_: Exchange, read: bytes) -> None:
    poured = 0

    def into(piece: bytes) -> bool:
        nonlocal poured
        poured += len(piece)
        return True

    task = await pouring(exchange_, into)
    flood = _Flood(exchange_, read)
    for _ in range(20):
        assert 0 < flood.turn(32) <= (1 << 17) + len(read), "the next turn goes on, and no turn takes it all"
        await asyncio.sleep(0)
    assert poured >= 20 * 30_000
    exchange_.connection.data_received(LAST_CHUNK)
    await task
    assert exchange_.connection.complete


async def test_a_flood_that_nobody_takes_any_more_stays_paused(exchange_: Exchange) -> None:
    task = await pouring(exchange_, lambda piece: False)
    connection, wire = exchange_.connection, exchange_.wire
    connection.data_received(chunk(bytes(1 << 18)))
    connection.data_received(chunk(bytes(1 << 19)))  # a transport that had it read already
    await task
    await asyncio.sleep(0)
    assert (wire.pauses, wire.resumes) == (1, 0)
    assert len(connection.take()) == 1 << 19
    assert (wire.pauses, wire.resumes) == (1, 1)


async def test_a_flood_that_was_cut_is_not_read_on(exchange_: Exchange) -> None:
    task = await pouring(exchange_, lambda piece: True)
    exchange_.connection.data_received(chunk(bytes(1 << 18)))
    exchange_.connection.connection_lost(None)
    await task
    assert (exchange_.wire.pauses, exchange_.wire.resumes) == (1, 0)


async def test_each_piece_moves_the_deadline(exchange_: Exchange) -> None:
    taken: list[bytes] = []
    task = await pouring(exchange_, takes(1000, taken))
    for now in (50.0, 100.0, 150.0):
        exchange_.clock.turn_to(now)
        exchange_.connection.data_received(chunk(b"word"))
        await asyncio.sleep(0)
    exchange_.clock.turn_to(209.9)
    assert exchange_.connection.failure is None
    exchange_.clock.turn_to(210)
    await task
    assert isinstance(exchange_.connection.failure, TimedOut)
    assert taken == [b"word"] * 3


async def test_one_timer_serves_all_pieces(exchange_: Exchange) -> None:
    task = await pouring(exchange_, lambda piece: True)
    for _ in range(100):
        exchange_.connection.data_received(chunk(b"word"))
    assert len([timer for timer in exchange_.clock.timers if not timer.cancelled]) == 1
    exchange_.connection.data_received(LAST_CHUNK)
    await task


async def test_a_taker_that_took_its_time_is_not_a_silent_server(exchange_: Exchange) -> None:
    task = await pouring(exchange_, lambda piece: False)
    exchange_.connection.data_received(chunk(b"word"))
    await task
    exchange_.clock.turn_to(1000)
    assert exchange_.connection.failure is None


async def test_an_end_that_came_with_the_piece_that_was_too_much(exchange_: Exchange) -> None:
    taken: list[bytes] = []
    task = await pouring(exchange_, takes(1, taken))
    exchange_.connection.data_received(chunk(b"word") + LAST_CHUNK)
    await task
    assert taken == [b"word"]
    assert exchange_.connection.complete
    assert exchange_.connection.take() == b""


async def test_nothing_is_poured_once_the_waiting_task_has_gone(exchange_: Exchange) -> None:
    taken: list[bytes] = []
    task = await pouring(exchange_, takes(1000, taken))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    exchange_.connection.data_received(chunk(b"word"))
    assert taken == []
    assert exchange_.connection.take() == b"word"


async def test_what_the_taker_raises_closes_an_answer_that_was_there_already(exchange_: Exchange) -> None:
    def into(piece: bytes) -> bool:
        raise Refusal

    finished: list[Connection] = []
    exchange_.connection.data_received(chunk(b"word"))
    answer = NativeAnswer(exchange_.connection, 60, finished.append)
    with pytest.raises(Refusal):
        await answer.pour(into)
    assert finished == [exchange_.connection]
    with pytest.raises(ConnectionCut):
        await answer.arrived()


async def test_an_answer_closed_under_its_pouring_does_not_disturb_the_next_request(exchange_: Exchange) -> None:
    """In one step another task may see the body's end, close the answer and ask again on its connection."""
    connection = exchange_.connection
    answer = NativeAnswer(connection, 60, lambda _: None)
    task = asyncio.ensure_future(answer.pour(lambda piece: True))
    await asyncio.sleep(0)
    connection.data_received(chunk(b"word") + LAST_CHUNK)
    await answer.aclose()
    connection.begin(b"", b"", head_only=False)
    asking = EagerSend()(connection.head(60))
    assert asking is not None
    await task
    connection.data_received(CHUNKED)
    async with asyncio.timeout(30):
        await asking
    assert connection.failure is None
