"""`Connections`: the clients' connections of this process, how many there may be, and how long they may take.

A connection waits (for its first request, for the rest of a request's head, or for the next request), reads a body, or
is answered. What waits can be spared: where there are too many, the one that has waited longest makes room for a new
one. What is answered is never given up for that; then the new one is refused, with 503.

Nobody keeps a timer for each: once a second, all that wait or read are looked at.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from msgspec import Struct

from proxy.config import ServerSettings

_log = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0
_TELL_SECONDS = 10.0  # between two lines about the limit: whoever makes it so full shall not fill the log, too
_MOST_LINGERING = 256  # of those that are refused and read on for a moment; it is for good clients, not for floods


class ConnectionLimits(Struct, frozen=True):
    """`server.max_connections`, `max_head_bytes`, `max_head_fields`, `head_timeout` and `body_timeout`."""

    connections: int = ServerSettings().max_connections
    head_bytes: int = ServerSettings().max_head_bytes
    head_fields: int = ServerSettings().max_head_fields
    head_seconds: float = ServerSettings().head_timeout
    body_seconds: float = ServerSettings().body_timeout

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

    def give_way(self) -> None:
        """Ends it, since it only waits."""


class Connections:
    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._open: set[Connection] = set()
        self._waiting: dict[Connection, None] = {}  # the one that has waited longest first
        self._reading: dict[Connection, None] = {}
        self._sweeping: asyncio.AbstractEventLoop | None = None
        self._gave_way = self._refused = 0
        self._told_at: float | None = None

    def __repr__(self) -> str:
        return f"Connections({len(self._open)} open, {len(self._waiting)} waiting, {len(self._reading)} reading)"

    def enter(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> bool:
        """Takes in a new connection, which waits; False where there is no room for it."""
        if len(self._open) >= self.limits.connections and not self._make_room(loop.time()):
            return False
        self._open.add(connection)
        self.wait(connection, loop)
        return True

    def leave(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._waiting.pop(connection, None)
        self._reading.pop(connection, None)

    def wait(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        """It has nothing to be answered."""
        self._reading.pop(connection, None)
        if connection in self._open:
            self._waiting[connection] = None
            self._see_to(loop)

    def read_body(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        """It has a request of which something is missing still."""
        self._waiting.pop(connection, None)
        self._reading[connection] = None
        self._see_to(loop)

    def linger(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> bool:
        """It has been refused and is about to end; False where too many linger already."""
        if len(self._reading) >= _MOST_LINGERING:
            return False
        self.read_body(connection, loop)
        return True

    def answer(self, connection: Connection) -> None:
        """It has a whole request."""
        self._waiting.pop(connection, None)
        self._reading.pop(connection, None)

    def sweep(self, now: float) -> None:
        for connection in [*self._waiting, *self._reading]:
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
        if self._waiting or self._reading:
            self._see_to(loop)

    def _make_room(self, now: float) -> bool:
        oldest = next(iter(self._waiting), None)
        if oldest is None:
            self._refused += 1
        else:
            self._gave_way += 1
            self.leave(oldest)
            oldest.give_way()
        if self._told_at is None or now - self._told_at >= _TELL_SECONDS:
            self._told_at = now
            facts = {"limit": self.limits.connections, "refused": self._refused, "idle_closed": self._gave_way}
            _log.warning("as many connections as server.max_connections allows", extra=facts)
        return oldest is not None
