"""PostgreSQL behind `Database`, over asyncpg, which only a configuration that names it needs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from proxy.store.schema import MIGRATIONS
from proxy.store.sql import Row, Statement
from proxy.store.store import StoreError

if TYPE_CHECKING:
    import asyncpg

_log = logging.getLogger(__name__)

_MIGRATION_LOCK = 0x6472_6167  # "drag"; the lock is the database's, its number ours
_MAX_CONNECTIONS = 10


class PostgresDatabase:
    """`dsn` as libpq takes it. Reads see what was written before they began, on whichever replica."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._pool: asyncpg.Pool[Any] | None = None

    async def open(self) -> None:
        try:
            import asyncpg
        except ImportError:
            raise StoreError("asyncpg is not installed: install dragoman with its extra `postgres`") from None
        try:
            self._pool = await asyncpg.create_pool(self._dsn, min_size=1, max_size=_MAX_CONNECTIONS)
            async with self._pool.acquire() as connection, connection.transaction():
                await _migrate(connection)
        except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise StoreError(f"PostgreSQL cannot be used: {type(error).__name__}: {error}") from error

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    async def inspect(self) -> None:
        """Does nothing: looking after its files is the server's own duty."""

    async def read(self, statement: Statement) -> list[Row]:
        import asyncpg

        try:
            async with self._connected().acquire() as connection:
                return [tuple(row) for row in await connection.fetch(statement.sql, *statement.values)]
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise _failed(error) from error

    async def write(self, script: Sequence[Statement]) -> int:
        import asyncpg

        try:
            async with self._connected().acquire() as connection:
                if len(script) == 1:
                    return await _execute(connection, script[0])
                async with connection.transaction():
                    touched = await _execute(connection, script[0])
                    if touched:
                        for statement in script[1:]:
                            await connection.execute(statement.sql, *statement.values)
                    return touched
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise _failed(error) from error

    def _connected(self) -> asyncpg.Pool[Any]:
        if self._pool is None:
            raise StoreError
        return self._pool


def _failed(error: Exception) -> StoreError:
    _log.error("PostgreSQL failed", extra={"reason": f"{type(error).__name__}: {error}"})
    return StoreError()


async def _execute(connection: Any, statement: Statement) -> int:
    """The rows touched, which PostgreSQL says last: `UPDATE 1`, `INSERT 0 1`."""
    said: str = await connection.execute(statement.sql, *statement.values)
    return int(said.rpartition(" ")[2])


async def _migrate(connection: Any) -> None:
    """Replicas that start together wait for each other here."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _MIGRATION_LOCK)
    await connection.execute("CREATE TABLE IF NOT EXISTS dragoman_schema (version BIGINT NOT NULL)")
    version = await connection.fetchval("SELECT COALESCE(MAX(version), 0) FROM dragoman_schema")
    if version > len(MIGRATIONS):
        raise StoreError(f"the schema {version} of the database was made by a later version of this program")
    for number, migration in enumerate(MIGRATIONS[version:], version + 1):
        for statement in migration:
            await connection.execute(statement)
        await connection.execute("INSERT INTO dragoman_schema VALUES ($1)", number)
