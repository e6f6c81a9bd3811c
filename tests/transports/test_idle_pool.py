"""The pool of idle connections by itself, its clock turned by hand."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from proxy.transports.native_connection import Connection
from proxy.transports.pool import IdlePool
from tests.transports.clock import HandClock

HERE = ("http", "here", 80)
THERE = ("http", "there", 80)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> HandClock:
    clock = HandClock()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: clock)
    return clock


def _connection(clock: HandClock, origin: tuple[str, str, int] = HERE) -> Connection:
    return Connection(origin, cast("asyncio.AbstractEventLoop", clock), lambda _connection: None)


def test_last_put_is_first_popped(clock: HandClock) -> None:
    pool = IdlePool(15)
    first, second, elsewhere = _connection(clock), _connection(clock), _connection(clock, THERE)
    for connection in (first, second, elsewhere):
        pool.put(connection)
    assert [pool.pop(HERE) for _ in range(3)] == [second, first, None]
    assert pool.pop(THERE) is elsewhere


def test_each_is_closed_when_its_time_is_up(clock: HandClock) -> None:
    pool = IdlePool(15)
    connections = [_connection(clock) for _ in range(3)]
    for connection in connections:
        pool.put(connection)
        clock.turn_to(clock.now + 5)
    clock.turn_to(15)
    assert [connection.failure is None for connection in connections] == [False, True, True]
    clock.turn_to(24.9)
    assert pool.pop(HERE) is connections[2]
    assert pool.pop(HERE) is None
    clock.turn_to(100)
    assert connections[2].failure is None
    assert clock.timers == []


def test_one_that_was_taken_and_put_back_begins_anew(clock: HandClock) -> None:
    pool = IdlePool(15)
    connection = _connection(clock)
    pool.put(connection)
    clock.turn_to(14)
    assert pool.pop(HERE) is connection
    pool.put(connection)
    clock.turn_to(28)
    assert connection.failure is None
    clock.turn_to(29)
    assert connection.failure is not None


def test_a_dead_one_is_not_popped(clock: HandClock) -> None:
    pool = IdlePool(15)
    alive, dead = _connection(clock), _connection(clock)
    pool.put(alive)
    pool.put(dead)
    dead.abort()
    assert pool.pop(HERE) is alive
    assert pool.pop(HERE) is None


def test_discard(clock: HandClock) -> None:
    pool = IdlePool(15)
    first, second = _connection(clock), _connection(clock)
    pool.put(first)
    pool.put(second)
    pool.discard(second)
    pool.discard(second)
    assert pool.pop(HERE) is first


def test_close_oldest_then_all(clock: HandClock) -> None:
    pool = IdlePool(15)
    connections = [_connection(clock, origin) for origin in (THERE, HERE, HERE)]
    for connection in connections:
        pool.put(connection)
    pool.close_oldest()
    assert [connection.failure is None for connection in connections] == [False, True, True]
    pool.close()
    assert [connection.failure is None for connection in connections] == [False, False, False]
    assert all(timer.cancelled for timer in clock.timers)
    pool.close_oldest()
