"""The idle connections of the native transport: the last one put is the first one popped, each origin by itself.

Every operation takes constant time. One timer, set for the connection idle longest, closes what nobody took.
"""

from __future__ import annotations

import asyncio

from proxy.transports.endpoint import Origin
from proxy.transports.native_connection import Connection


class IdlePool:
    def __init__(self, limit: float) -> None:
        self._limit = limit
        # Dicts as ordered sets: they give up a member from the middle, when a server closes it, as fast as from an end.
        self._of_origin: dict[Origin, dict[Connection, None]] = {}
        self._until: dict[Connection, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._until)

    def put(self, connection: Connection) -> None:
        self._of_origin.setdefault(connection.origin, {})[connection] = None
        loop = asyncio.get_running_loop()
        self._until[connection] = until = loop.time() + self._limit
        if self._timer is None:
            self._timer = loop.call_at(until, self._close_expired)

    def pop(self, origin: Origin) -> Connection | None:
        idle = self._of_origin.get(origin)
        while idle:
            connection, _ = idle.popitem()
            self.discard(connection)
            if connection.failure is None:
                return connection
        return None

    def discard(self, connection: Connection) -> None:
        if self._until.pop(connection, None) is None:
            return
        idle = self._of_origin[connection.origin]
        idle.pop(connection, None)
        if not idle:
            del self._of_origin[connection.origin]

    def close_oldest(self) -> None:
        connection = next(iter(self._until), None)
        if connection is not None:
            self.discard(connection)
            connection.abort()

    def close(self) -> None:
        while self._until:
            self.close_oldest()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_expired(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._timer = None
        while self._until:
            until = next(iter(self._until.values()))
            if until > now:
                self._timer = loop.call_at(until, self._close_expired)
                return
            self.close_oldest()
