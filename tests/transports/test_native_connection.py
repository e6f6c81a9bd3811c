"""A native connection by itself, its clock turned by hand."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from proxy.transports import ConnectionCut, TimedOut
from proxy.transports.native import NativeAnswer
from proxy.transports.native_connection import Connection
from tests.transports.connection import Exchange, Wire
from tests.transports.wire import CHUNKED, LAST_CHUNK, chunk


@pytest.fixture
async def exchange() -> Exchange:
    exchange = Exchange()
    await exchange.ask(600)
    return exchange


async def test_each_wait_moves_the_deadline(exchange: Exchange) -> None:
    for now in (50.0, 100.0, 150.0):
        reading = await exchange.reading(60)
        exchange.clock.turn_to(now)
        exchange.connection.data_received(chunk(b"word"))
        await reading
        assert exchange.connection.take() == b"word"
    reading = await exchange.reading(60)
    exchange.clock.turn_to(209.9)
    assert exchange.connection.failure is None
    exchange.clock.turn_to(210)
    await reading
    assert isinstance(exchange.connection.failure, TimedOut)
    assert exchange.connection.failure.phase == "between"


async def test_a_wait_does_not_set_a_timer_of_its_own(exchange: Exchange) -> None:
    for _ in range(100):
        reading = await exchange.reading(60)
        exchange.connection.data_received(chunk(b"word"))
        await reading
    assert len([timer for timer in exchange.clock.timers if not timer.cancelled]) == 1
    assert len(exchange.clock.timers) == 2


async def test_a_slow_reader_is_not_a_silent_server(exchange: Exchange) -> None:
    reading = await exchange.reading(60)
    exchange.connection.data_received(chunk(b"word"))
    await reading
    exchange.clock.turn_to(1000)
    assert exchange.connection.failure is None
    reading = await exchange.reading(60)
    exchange.clock.turn_to(1059)
    exchange.connection.data_received(LAST_CHUNK)
    await reading
    assert exchange.connection.complete
    assert exchange.connection.failure is None


async def test_parts_of_a_chunk_do_not_end_a_wait(exchange: Exchange) -> None:
    reading = await exchange.reading(60)
    exchange.clock.turn_to(59)
    exchange.connection.data_received(b"4")
    await asyncio.sleep(0)
    assert not reading.done()
    exchange.clock.turn_to(60)
    await reading
    assert isinstance(exchange.connection.failure, TimedOut)


async def test_bytes_that_came_before_the_deadline_count(exchange: Exchange) -> None:
    reading = await exchange.reading(60)
    exchange.connection.data_received(chunk(b"word"))
    exchange.clock.turn_to(60)
    await reading
    assert exchange.connection.failure is None


async def test_a_lost_connection_leaves_no_timer(exchange: Exchange) -> None:
    exchange.connection.connection_lost(None)
    assert all(timer.cancelled for timer in exchange.clock.timers)


async def test_reading_is_paused_for_unread_bytes_only(exchange: Exchange) -> None:
    block = chunk(bytes(1 << 17))
    for _ in range(10):
        exchange.connection.data_received(block)
        exchange.connection.take()
    assert exchange.wire.pauses == 0
    for _ in range(10):
        exchange.connection.data_received(block)
    assert exchange.wire.pauses == 1


async def test_connected_after_it_was_given_up() -> None:
    loop = asyncio.get_running_loop()
    connection = Connection(("http", "host", 80), loop, lambda _connection: None)
    connection.abort()
    wire = Wire()
    connection.connection_made(cast("asyncio.Transport", wire))
    assert wire.aborted
    connection.begin(b"", b"", head_only=False)
    with pytest.raises(ConnectionCut):
        await connection.head(60)


async def test_a_request_leaves_as_soon_as_there_is_a_connection() -> None:
    """Not when the task that waits for the connection has its turn: where much arrives, that is a turn later."""
    connection = Connection(("http", "host", 80), asyncio.get_running_loop(), lambda _connection: None)
    connection.begin(b"head ", b"body", head_only=False)
    wire = Wire()
    connection.connection_made(cast("asyncio.Transport", wire))
    await asyncio.sleep(0)
    assert wire.written == [b"head body"]
    connection.data_received(CHUNKED)  # before anybody waits
    await connection.head(60)
    assert connection.status == 200


def _drop(connection: Connection) -> None:
    connection.take()


async def test_an_answer_closed_under_its_reader_does_not_seem_to_end(exchange: Exchange) -> None:
    answer = NativeAnswer(exchange.connection, 60, _drop)
    reading = asyncio.ensure_future(answer.arrived())
    await asyncio.sleep(0)
    exchange.connection.data_received(chunk(b"word") + LAST_CHUNK)
    await answer.aclose()
    with pytest.raises(ConnectionCut):
        await reading
