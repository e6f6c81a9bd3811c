"""`Pool`: a few connections to PostgreSQL, each wait for one limited, and none kept that does no longer serve.

asyncpg's own pool asks the server to reset each connection that comes back, waits without limit for one that hangs, and
keeps those to a server that has become a standby.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    import asyncpg

_log = logging.getLogger(__name__)

MAX_CONNECTIONS = 10
# What stands in between, such as a firewall, may have forgotten a connection that nobody used for so long.
_FRESH_SECONDS = 300.0
_POOLER = re.compile(r"(?<=[?&])(?:statement_cache_size=(\d+)|pgbouncer=(true|false))(?:&|$)")


class Address(Struct, frozen=True):
    """`dsn` as libpq takes it, without what is said to the client alone, and how many statements are prepared."""

    dsn: str
    statement_cache_size: int

    @classmethod
    def read(cls, dsn: str, statement_cache_size: int) -> Address:
        """`?statement_cache_size=N`, and `?pgbouncer=true` as other clients write it, win over the setting."""
        for said in _POOLER.finditer(dsn):
            if said[1] is not None:
                statement_cache_size = int(said[1])
            elif said[2] == "true":
                statement_cache_size = 0
        return cls(_POOLER.sub("", dsn).rstrip("?&"), statement_cache_size)


class _Idle(Struct):
    connection: asyncpg.Connection[Any]
    since: float


class Pool:
    """`timeout` is the longest wait for a connection, in seconds, that for its being made included."""

    def __init__(self, address: Address, timeout: float) -> None:
        self._address = address
        self._timeout = timeout
        self._places = asyncio.Semaphore(MAX_CONNECTIONS)
        self._idle: list[_Idle] = []
        self._closed = False

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection[Any]]:
        """Kept afterwards if all went well; else the next one who needs it makes another. Raises TimeoutError, too."""
        async with asyncio.timeout(self._timeout):
            await self._places.acquire()
        try:
            async with asyncio.timeout(self._timeout):
                connection = self._take() or await self._connect()
            try:
                yield connection
            except BaseException:
                connection.terminate()  # whatever the server still does for it is undone
                raise
            if self._closed:
                connection.terminate()
                return
            self._idle.append(_Idle(connection, asyncio.get_running_loop().time()))
        finally:
            self._places.release()

    def drop_idle(self) -> None:
        """For what was wrong with one connection may be wrong with all."""
        idle, self._idle = self._idle, []
        for kept in idle:
            kept.connection.terminate()

    async def close(self) -> None:
        """Closes those that nobody uses; the others end when they come back."""
        self._closed = True
        idle, self._idle = self._idle, []
        closing = [kept.connection.close(timeout=self._timeout) for kept in idle]
        await asyncio.gather(*closing, return_exceptions=True)

    def _take(self) -> asyncpg.Connection[Any] | None:
        """The one that was used last, so that those that are not needed grow old."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            kept = self._idle.pop()
            if not kept.connection.is_closed():
                if now - kept.since < _FRESH_SECONDS:
                    return kept.connection
                kept.connection.terminate()
        return None

    async def _connect(self) -> asyncpg.Connection[Any]:
        import asyncpg

        return await asyncpg.connect(
            self._address.dsn, timeout=self._timeout, statement_cache_size=self._address.statement_cache_size
        )
