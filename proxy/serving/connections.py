"""`Connections`: the clients' connections of this process, how many there may be, and how long they may take.

A connection waits (for its first request, for the rest of a request's head or body, or for the next request), or is
answered. What waits can be spared: where there are too many, the one that has waited longest makes room for a new one.
For the rest of a body it waits anew with each piece that comes.

What is answered is never given up for that. Where all are, a new one is a guest: it may ask for what tells whether the
server lives (`/healthz`, `/readyz`); anything else is refused with 503, unless there is room by then. Guests are few,
and the oldest makes room for a new one, too.

Nobody keeps a timer for each: once a second, all that are not answered are looked at.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import Protocol

from msgspec import Struct

from proxy.config import ServerSettings

_log = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0
_TELL_SECONDS = 10.0  # between two lines about the limit: whoever makes it so full shall not fill the log, too
_MOST_LINGERING = 256  # of those that are refused and read on for a moment; it is for good clients, not for floods
LIMIT_PER_GUEST = 16  # one guest for so many connections: a burst of new ones does not end a probe before its head came


class ConnectionLimits(Struct, frozen=True):
    """`server.max_connections`, `max_head_bytes`, `max_head_fields`, `head_timeout` and `body_timeout`."""

    connections: int = ServerSettings().max_connections
    head_bytes: int = ServerSettings().max_head_bytes
    head_fields: int = ServerSettings().max_head_fields
    head_seconds: float = ServerSettings().head_timeout
    body_seconds: float = ServerSettings().body_timeout

    @property
    def guests(self) -> int:
        return 1 + self.connections // LIMIT_PER_GUEST

    @classmethod
    def of(cls, settings: ServerSettings) -> ConnectionLimits:
        return cls(
            settings.max_connections,
            settings.max_head_bytes,
            settings.max_head_fields,
            settings.head_timeout,
            settings.body_timeout,
        )


class Connection(Protocol):
    """What is looked after."""

    def check(self, now: float) -> None:
        """Ends it where it has taken too long, by the clock of the event loop."""

    def give_way(self) -> bool:
        """Ends it, if it only waits; False where it is being answered after all."""

    def turn_away(self) -> None:
        """Ends it, with 503 where that can be said: there is no room for it."""


class Connections:
    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._open: set[Connection] = set()
        self._waiting: OrderedDict[Connection, None] = OrderedDict()  # the one that has waited longest first
        self._guests: OrderedDict[Connection, None] = OrderedDict()  # beyond the limit, the oldest first
        self._lingering: dict[Connection, None] = {}
        self._held: dict[Connection, None] = {}  # a body is missing, but something is being answered
        self._sweeping: asyncio.AbstractEventLoop | None = None
        self._gave_way = self._refused = 0
        self._told_at: float | None = None

    def __repr__(self) -> str:
        return f"Connections({len(self._open)} open, {len(self._waiting)} waiting, {len(self._guests)} guests)"

    def enter(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        """Takes in a new connection, which waits; as a guest where there is no room for it."""
        if self.admit(connection, loop):
            return
        self._guests[connection] = None
        self._see_to(loop)
        if len(self._guests) > self.limits.guests:
            oldest, _ = self._guests.popitem(last=False)
            self.refused(loop)
            oldest.turn_away()

    def admit(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> bool:
        """Gives a new connection or a guest a place, if there is one; True, too, where it has one already."""
        if connection in self._open:
            return True
        if len(self._open) >= self.limits.connections and not self._make_room(loop.time()):
            return False
        self._guests.pop(connection, None)
        self._open.add(connection)
        self.wait(connection, loop)
        return True

    def leave(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._guests.pop(connection, None)
        self._lingering.pop(connection, None)
        self.answer(connection)

    def wait(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        """It has nothing to be answered. One that waits already does not wait anew."""
        self._held.pop(connection, None)
        if connection in self._open:
            self._waiting[connection] = None
            self._see_to(loop)

    def read_body(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        """It has a request of which something is missing still, and waits for that from now on."""
        self.wait(connection, loop)
        if connection in self._open:
            self._waiting.move_to_end(connection)

    def linger(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> bool:
        """It has been refused and is about to end: it has no place any more. False where too many linger already."""
        self.leave(connection)
        if len(self._lingering) >= _MOST_LINGERING:
            return False
        self._lingering[connection] = None
        self._see_to(loop)
        return True

    def answer(self, connection: Connection) -> None:
        """It has a whole request."""
        self._waiting.pop(connection, None)
        self._held.pop(connection, None)

    def refused(self, loop: asyncio.AbstractEventLoop) -> None:
        """A guest, or what it asked for."""
        self._refused += 1
        self._tell(loop.time())

    def sweep(self, now: float) -> None:
        for connection in [*self._waiting, *self._held, *self._guests, *self._lingering]:
            connection.check(now)

    def _see_to(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is not self._sweeping:
            self._sweeping = loop
            loop.call_later(SWEEP_SECONDS, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is not self._sweeping:
            return
        self.sweep(loop.time())
        self._sweeping = None
        if self._waiting or self._held or self._guests or self._lingering:
            self._see_to(loop)

    def _make_room(self, now: float) -> bool:
        while self._waiting:
            oldest, _ = self._waiting.popitem(last=False)
            if oldest.give_way():
                self._open.discard(oldest)
                self._gave_way += 1
                self._tell(now)
                return True
            self._held[oldest] = None  # looked at once: it waits again when its answer has ended, or a piece has come
        return False

    def _tell(self, now: float) -> None:
        if self._told_at is None or now - self._told_at >= _TELL_SECONDS:
            self._told_at = now
            facts = {"limit": self.limits.connections, "refused": self._refused, "idle_closed": self._gave_way}
            _log.warning("as many connections as server.max_connections allows", extra=facts)
