"""`join_writes(transport, loop)`: a transport whose writes of one step of the event loop leave together at its end.

A write costs more than the bytes in it: it goes through the whole network stack and wakes whoever reads, which then
takes the processor's caches and often the processor itself. Where hundreds of requests have something in one step, all
is over sooner when everything is read first and then everything is written.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

# As much as a transport takes before it asks its writer to pause; it cannot ask for what it has not seen.
_MOST_HELD = 1 << 16


class JoiningTransport:
    """Like the transport inside. `flush` lets go of what is held before the step is over."""

    __slots__ = ("_held", "_outbox", "_size", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport, outbox: Outbox) -> None:
        self.is_closing = transport.is_closing  # asked for with every request
        self._transport = transport
        self._outbox = outbox
        self._held: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        size = self._size + len(data)
        if size >= _MOST_HELD:
            self.flush()
            self._transport.write(data)  # copying what is long costs more than a write
            return
        held = self._held
        if not held:
            self._outbox.add(self)
        held.append(data)
        self._size = size

    def flush(self) -> None:
        held = self._held
        if held:
            data = b"".join(held)
            held.clear()
            self._size = 0
            if not self.is_closing():
                self._transport.write(data)

    def get_write_buffer_size(self) -> int:
        return self._size + self._transport.get_write_buffer_size()

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def write_eof(self) -> None:
        self.flush()
        self._transport.write_eof()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Outbox:
    """The transports of one event loop that hold something. It does not hold the loop, so that both can end."""

    def __init__(self) -> None:
        self._waiting: list[JoiningTransport] = []

    def add(self, transport: JoiningTransport) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(transport)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for transport in waiting:
            transport.flush()


_OUTBOXES: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Outbox] = weakref.WeakKeyDictionary()


def join_writes(transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> JoiningTransport:
    """`loop` is the one that the transport belongs to."""
    outbox = _OUTBOXES.get(loop)
    if outbox is None:
        outbox = _OUTBOXES[loop] = Outbox()
    return JoiningTransport(transport, outbox)
