"""`CoalescingTransport`: what is written to it in one turn of the event loop leaves together, with what others wrote.

A write costs more than the bytes in it: it goes through the whole network stack and wakes whoever reads, which then
takes the processor's caches and often the processor itself. Where hundreds of requests have something in one turn, all
is over sooner when everything is read first and then everything is written.

A turn of the loop is first what is due, the steps of tasks among it, and then what has arrived. An `Outbox` lets go of
all that its transports hold at two moments:

| when | by | what leaves |
|---|---|---|
| before what has arrived is read | the next turn, or the first that reads (`begin_reading`) | what tasks wrote |
| what has arrived has been read | `call_soon` of `begin_reading` | what came of it, for all streams together |

A transport lets go of its own before that where it holds `_MOST_HELD` bytes, where it closes, and where its owner knows
that there is nothing to wait for (`flush`). Order within a transport is kept in any case. A transport that is closing
takes nothing: what it held then is lost, as it would have been inside.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

# As much as a transport takes before it asks its writer to pause; it cannot ask for what it has not seen.
_MOST_HELD = 1 << 16


class CoalescingTransport:
    """Holds what is written, up to `_MOST_HELD` bytes, until its outbox lets it go; else it is the transport inside."""

    __slots__ = ("_held", "_outbox", "_send", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport, outbox: Outbox) -> None:
        self.is_closing = transport.is_closing  # asked for with every write, as is the next
        self._send = transport.write
        self._transport = transport
        self._outbox = outbox
        self._held = b""

    def __repr__(self) -> str:
        return f"CoalescingTransport({len(self._held)} bytes held, {self._transport!r})"

    def write(self, data: bytes) -> None:
        held = self._held
        if not held and len(data) < _MOST_HELD:
            self._held = data
            self._outbox.add(self)
        elif len(held) + len(data) < _MOST_HELD:
            self._held = held + data
        else:
            self.flush()
            if not self.is_closing():  # uvloop's transports complain, asyncio's do not
                self._send(data)  # copying what is long costs more than a write

    def flush(self) -> None:
        held = self._held
        if held:
            self._held = b""
            if not self.is_closing():
                self._send(held)

    def get_write_buffer_size(self) -> int:
        return len(self._held) + self._transport.get_write_buffer_size()

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def write_eof(self) -> None:
        self.flush()
        self._transport.write_eof()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Outbox:
    """The transports of one event loop that hold something. It does not hold the loop, so that both can end.

    Where hundreds of streams have something to say, to read it all takes tens of milliseconds: what tasks wrote leaves
    before. So a stream that gets something says `begin_reading`, unless the outbox is `reading` already.

    `read_at` is when that was last said, by the clock of the loop: to ask that for each piece would cost more than to
    write it.
    """

    __slots__ = ("_waiting", "read_at", "reading")

    def __init__(self) -> None:
        self.reading = False
        self.read_at = 0.0
        self._waiting: list[CoalescingTransport] = []

    def __repr__(self) -> str:
        return f"Outbox({len(self._waiting)} waiting{', reading' if self.reading else ''})"

    def add(self, transport: CoalescingTransport) -> None:
        if not (self.reading or self._waiting):
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(transport)

    def begin_reading(self, now: float) -> None:
        self._flush()
        self.reading = True
        self.read_at = now
        asyncio.get_running_loop().call_soon(self._end_reading)

    def _end_reading(self) -> None:
        self.reading = False
        self._flush()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for transport in waiting:
            transport.flush()


_OUTBOXES: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Outbox] = weakref.WeakKeyDictionary()


def outbox_of(loop: asyncio.AbstractEventLoop) -> Outbox:
    outbox = _OUTBOXES.get(loop)
    if outbox is None:
        outbox = _OUTBOXES[loop] = Outbox()
    return outbox
