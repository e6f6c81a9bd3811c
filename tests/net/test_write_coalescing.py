"""What is written in one step of the event loop leaves at its end, whole and in order."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from proxy.net.write_coalescing import CoalescingTransport, Outbox


class Wire:
    """What has been done to a socket, in order."""

    def __init__(self, done: list[object]) -> None:
        self.done = done
        self.closing = False

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def write_eof(self) -> None:
        self.done.append("eof")

    def close(self) -> None:
        self.closing = True
        self.done.append("close")

    def abort(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return 0


@pytest.fixture
def done() -> list[object]:
    return []


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


def joining(done: list[object], outbox: Outbox) -> CoalescingTransport:
    return CoalescingTransport(cast("asyncio.Transport", Wire(done)), outbox)


async def test_a_step_is_one_write(done: list[object], outbox: Outbox) -> None:
    one, other = joining(done, outbox), joining(done, outbox)
    for transport, data in [(one, b"head "), (other, b"1"), (one, b"body"), (other, b"2")]:
        transport.write(data)
    assert done == []
    await asyncio.sleep(0)
    assert done == [b"head body", b"12"]
    other.write(b"3")
    await asyncio.sleep(0)
    assert done[2:] == [b"3"]


async def test_what_is_held_leaves_before_more_is_read(done: list[object], outbox: Outbox) -> None:
    one, other = joining(done, outbox), joining(done, outbox)
    one.write(b"of a task")
    outbox.begin_reading(7.0)
    assert done == [b"of a task"]
    assert (outbox.reading, outbox.read_at) == (True, 7.0)
    one.write(b"1")
    other.write(b"2")
    one.write(b"3")
    assert done[1:] == []
    await asyncio.sleep(0)
    assert done[1:] == [b"13", b"2"]
    assert not outbox.reading
    one.write(b"later")
    await asyncio.sleep(0)
    assert done[3:] == [b"later"]


async def test_what_is_held_counts_as_unsent(done: list[object], outbox: Outbox) -> None:
    transport = joining(done, outbox)
    transport.write(b"request")
    assert transport.get_write_buffer_size() == 7
    await asyncio.sleep(0)
    assert transport.get_write_buffer_size() == 0


async def test_what_was_written_leaves_before_the_end(done: list[object], outbox: Outbox) -> None:
    one, other = joining(done, outbox), joining(done, outbox)
    one.write(b"last")
    one.write_eof()
    other.write(b"words")
    other.close()
    await asyncio.sleep(0)
    assert done == [b"last", "eof", b"words", "close"]


async def test_no_more_is_held_than_a_reader_may_leave_unread(done: list[object], outbox: Outbox) -> None:
    transport = joining(done, outbox)
    transport.write(b"head")
    transport.write(b"x" * 40_000)
    transport.write(b"y" * 40_000)
    assert done == [b"head" + b"x" * 40_000, b"y" * 40_000]
    transport.write(b"end")
    await asyncio.sleep(0)
    assert done[2:] == [b"end"]


async def test_what_is_long_is_not_copied(done: list[object], outbox: Outbox) -> None:
    transport, body = joining(done, outbox), b"x" * 100_000
    transport.write(body)
    assert done[0] is body


async def test_nothing_is_written_to_what_is_closed(done: list[object], outbox: Outbox) -> None:
    transport = joining(done, outbox)
    transport.write(b"for nobody")
    transport.abort()
    await asyncio.sleep(0)
    assert done == []


@pytest.mark.parametrize("data", [b"a", b"a" * 100_000])
async def test_nothing_is_written_to_a_connection_that_closes(done: list[object], outbox: Outbox, data: bytes) -> None:
    """The transports of uvloop raise where asyncio's say nothing."""
    transport = joining(done, outbox)
    transport.abort()
    transport.write(data)
    await asyncio.sleep(0)
    assert done == []
