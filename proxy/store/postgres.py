"""PostgreSQL behind `Database`, over asyncpg, which only a configuration that names it needs.

A connection that fails is dropped, and what was asked is asked once more on another: after a failover, a restart or
a killed connection nothing else is to be seen of it. What was written is written again only where it certainly was
not, or `done` says so: the end of a connection may have hidden a commit.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from collections.abc import Sequence
from typing import Any

from proxy.store.postgres_pool import Address, Pool
from proxy.store.schema import MIGRATIONS
from proxy.store.sql import Row, Statement
from proxy.store.store import StoreError, StoreMisconfigured

_log = logging.getLogger(__name__)

_MIGRATION_LOCK = 0x6472_6167  # "drag"; the lock is the database's, its number ours
_MIGRATION_PATIENCE = 60.0  # of `timeout`: another replica may be migrating

_READ_ONLY = "25006"  # a primary that has become a standby
_ROLLED_BACK = frozenset({_READ_ONLY, "40001", "40P01"})
# The connection, or the server that it leads to, is of no more use (PostgreSQL's appendix A).
_LOST_CLASSES = ("08", "57P", "26000", "42P05")
_POOLER_STATES = frozenset({"26000", "42P05"})  # a prepared statement that another connection has, or has not
_FULL = "53100"
_SETTINGS_CLASSES = ("28", "3D")  # who may come in, and to which database
UNREACHABLE = "the database cannot be reached"
SILENT = "the database does not answer"
STANDBY = "the database takes no writes"
FULL = "the disk of the database is full"
FAILED = "the database failed"


class PostgresDatabase:
    """`dsn` as libpq takes it. Reads see what was written before they began, on whichever replica.

    `timeout` is the longest wait for a connection and for a statement, in seconds. With a `statement_cache_size` of 0
    nothing is prepared and each statement is a transaction, as PgBouncer in transaction mode needs it.
    """

    def __init__(self, dsn: str, *, timeout: float = 10.0, statement_cache_size: int = 100) -> None:
        address = Address.read(dsn, statement_cache_size)
        self._timeout = timeout
        self._pooled = address.statement_cache_size == 0
        self._pool = Pool(address, timeout)

    async def open(self) -> None:
        if importlib.util.find_spec("asyncpg") is None:
            raise StoreMisconfigured("asyncpg is not installed: install dragoman with its extra `postgres`")
        limit = self._timeout * _MIGRATION_PATIENCE
        try:
            async with self._pool.connection() as made, asyncio.timeout(limit), made.transaction():
                await _migrate(made)
        except _failures(ValueError) as error:
            self._pool.drop_idle()
            reason = _meaning(error)
            way_out = "; is it running, and is store.dsn its address?" if reason in (UNREACHABLE, SILENT) else ""
            said = " ".join(f"{type(error).__name__}: {error}".split())
            kind = StoreMisconfigured if _is_misconfigured(error) else StoreError
            raise kind(f"PostgreSQL cannot be used: {said}{way_out}", reason=reason) from error

    async def close(self) -> None:
        await self._pool.close()

    async def inspect(self) -> None:
        """Does nothing: looking after its files is the server's own duty."""

    async def read(self, statement: Statement) -> list[Row]:
        try:
            return await self._read(statement)
        except _failures() as error:
            self._check_passing(error)
        try:
            return await self._read(statement)
        except _failures() as error:
            raise _failed(error) from error

    async def write(self, script: Sequence[Statement], done: Statement | None = None) -> int:
        first = _Attempt()
        try:
            return await self._write(script, first)
        except _failures() as error:
            self._check_passing(error)
            unknown = first.committing and _state(error) not in _ROLLED_BACK
            if unknown and done is None:
                raise _failed(error) from error
        try:
            if unknown and done is not None and await self._read(done):
                return 1
            return await self._write(script, _Attempt())
        except _failures() as error:
            raise _failed(error) from error

    def _check_passing(self, error: Exception) -> None:
        """Raises StoreError unless another connection may do better."""
        state = _state(error)
        if isinstance(error, TimeoutError) or _is_lost(error) or state == _READ_ONLY:
            self._pool.drop_idle()
        if isinstance(error, TimeoutError) or not (_is_lost(error) or state in _ROLLED_BACK):
            raise _failed(error) from error
        _log.warning("PostgreSQL is asked again", extra={"reason": _said(error)})

    async def _read(self, statement: Statement) -> list[Row]:
        async with self._pool.connection() as connection, asyncio.timeout(self._timeout * statement.patience):
            if self._pooled:
                await connection.execute("BEGIN")
            rows = await connection.fetch(statement.sql, *statement.values)
            if self._pooled:
                await connection.execute("COMMIT")
        return [tuple(row) for row in rows]

    async def _write(self, script: Sequence[Statement], attempt: _Attempt) -> int:
        first, *rest = script
        async with self._pool.connection() as connection, asyncio.timeout(self._timeout * first.patience):
            if not rest and not self._pooled:
                attempt.committing = True
                return await _execute(connection, first)
            await connection.execute("BEGIN")
            touched = await _execute(connection, first)
            if touched:
                for statement in rest:
                    await connection.execute(statement.sql, *statement.values)
            attempt.committing = True
            await connection.execute("COMMIT")
        return touched


class _Attempt:
    """How far a script has come: where it fails while `committing`, nobody knows whether it was carried out."""

    def __init__(self) -> None:
        self.committing = False


def _failures(*more: type[Exception]) -> tuple[type[Exception], ...]:
    import asyncpg

    # The last is what asyncpg says of a connection that the server ended between two steps of its own.
    return OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, *more


def _state(error: BaseException) -> str:
    """PostgreSQL's own name for it, if it said one."""
    return getattr(error, "sqlstate", None) or ""


def _is_lost(error: BaseException) -> bool:
    """Whether the connection is of no more use, or the server that it leads to (PostgreSQL's appendix A)."""
    import asyncpg

    state = _state(error)
    if state:
        return state == _READ_ONLY or state.startswith(_LOST_CLASSES)
    lost = OSError, asyncpg.InterfaceError, asyncpg.InternalClientError
    return isinstance(error, lost) and not isinstance(error, TimeoutError)


def _meaning(error: BaseException) -> str:
    """The failure in words that name nothing secret."""
    state = _state(error)
    if isinstance(error, TimeoutError):
        return SILENT
    if state == _READ_ONLY:
        return STANDBY
    if state == _FULL:
        return FULL
    return UNREACHABLE if _is_lost(error) else FAILED


def _is_misconfigured(error: BaseException) -> bool:
    """A `dsn` that is none, a user or a password that is not known there, a database that is not."""
    return isinstance(error, ValueError) or _state(error).startswith(_SETTINGS_CLASSES)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _failed(error: Exception) -> StoreError:
    extra = {"reason": _said(error)}
    if _state(error) in _POOLER_STATES:
        extra["hint"] = "behind a pooler in transaction mode set store.statement_cache_size: 0"
    _log.error("PostgreSQL failed", extra=extra)
    return StoreError(reason=_meaning(error))


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
