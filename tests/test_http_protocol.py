"""What is written in one step of the event loop leaves at its end, whole and in order."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from proxy.http_protocol import _JoiningTransport, _Outbox


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


@pytest.fixture
def done() -> list[object]:
    return []


@pytest.fixture
def outbox() -> _Outbox:
    return _Outbox()


def joining(done: list[object], outbox: _Outbox) -> _JoiningTransport:
    return _JoiningTransport(cast("asyncio.Transport", Wire(done)), outbox)


async def test_a_step_is_one_write(done: list[object], outbox: _Outbox) -> None:
    one, other = joining(done, outbox), joining(done, outbox)
    for transport, data in [(one, b"head "), (other, b"1"), (one, b"body"), (other, b"2")]:
        transport.write(data)
    assert done == []
    await asyncio.sleep(0)
    assert done == [b"head body", b"12"]
    other.write(b"3")
    await asyncio.sleep(0)
    assert done[2:] == [b"3"]


async def test_what_was_written_leaves_before_the_end(done: list[object], outbox: _Outbox) -> None:
    one, other = joining(done, outbox), joining(done, outbox)
    one.write(b"last")
    one.write_eof()
    other.write(b"words")
    other.close()
    await asyncio.sleep(0)
    assert done == [b"last", "eof", b"words", "close"]


async def test_no_more_is_held_than_a_client_may_leave_unread(done: list[object], outbox: _Outbox) -> None:
    transport = joining(done, outbox)
    for _ in range(3):
        transport.write(b"x" * 40_000)
    assert done == [b"x" * 80_000]
    await asyncio.sleep(0)
    assert done[1:] == [b"x" * 40_000]


async def test_nothing_is_written_to_what_is_closed(done: list[object], outbox: _Outbox) -> None:
    transport = joining(done, outbox)
    transport.write(b"for nobody")
    transport.abort()
    await asyncio.sleep(0)
    assert done == []
