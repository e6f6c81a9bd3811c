"""SQLite behind `Database`: one thread writes, one reads, and neither stands in the event loop's way.

Whatever waits when the writer is free becomes one transaction: under load many responses share one commit. Without
a path the database is in memory and one thread does both.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import re
import sqlite3
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from proxy.store.schema import MIGRATIONS
from proxy.store.sql import Row, Statement
from proxy.store.store import StoreError

_log = logging.getLogger(__name__)

_BUSY_SECONDS = 30.0
# Copying the log into the database was a third of what storing costs. Four times SQLite's own bound, 16 MB of log,
# a page that many commits wrote is copied once, and the disk is waited for a fourth as often.
_LOG_PAGES = 4000
_PARAMETER = re.compile(r"\$(\d+)(?:::\w+)?")

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]


@cache
def _own_form(sql: str) -> str:
    return _PARAMETER.sub(r"?\1", sql)


class SqliteDatabase:
    """`fsync` makes each commit survive a loss of power too, not only the end of the process."""

    def __init__(self, path: Path | None, *, fsync: bool = False) -> None:
        self._path = path
        self._writer = _Worker(lambda: _connect(path, fsync=fsync), _run_together)
        self._reader = self._writer if path is None else _Worker(lambda: _connect(path, fsync=fsync), _run_each)

    async def open(self) -> None:
        try:
            if self._path is not None:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            await self._writer.run(_migrate, atomic=False)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"the database {self._path} cannot be used: {error}") from error

    async def close(self) -> None:
        for worker in {self._writer, self._reader}:
            await worker.close()

    async def read(self, statement: Statement) -> list[Row]:
        sql = _own_form(statement.sql)
        return await self._run(
            self._reader, lambda connection: connection.execute(sql, statement.values).fetchall(), atomic=True
        )

    async def write(self, script: Sequence[Statement]) -> int:
        return await self._run(self._writer, lambda connection: _execute(connection, script), atomic=len(script) == 1)

    async def _run(self, worker: _Worker, job: Job[T], *, atomic: bool) -> T:
        try:
            return await worker.run(job, atomic=atomic)
        except sqlite3.Error as error:
            _log.error("the database failed", extra={"reason": str(error)})
            raise StoreError from error


def _execute(connection: sqlite3.Connection, script: Sequence[Statement]) -> int:
    first, *rest = script
    touched = connection.execute(_own_form(first.sql), first.values).rowcount
    if touched:
        for statement in rest:
            connection.execute(_own_form(statement.sql), statement.values)
    return touched


def _connect(path: Path | None, *, fsync: bool) -> sqlite3.Connection:
    if path is not None:
        # Made before SQLite does, which would leave it open to others; its companions take its mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path or ":memory:", timeout=_BUSY_SECONDS, isolation_level=None, cached_statements=256)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {'FULL' if fsync else 'NORMAL'}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = FAST")
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    """Runs within the writer's transaction, which holds the lock of the whole database."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise sqlite3.DatabaseError(f"its schema {version} was made by a later version of this program")
    for migration in MIGRATIONS[version:]:
        for statement in migration:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


class _Order:
    """A job and the future of whoever waits for it; `atomic` where it is one statement."""

    __slots__ = ("atomic", "error", "future", "job", "loop", "value")

    def __init__(self, job: Job[Any], *, atomic: bool) -> None:
        self.job = job
        self.atomic = atomic
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.value: Any = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.value)
        else:
            self.future.set_exception(self.error)


class _Worker:
    """A thread with a connection of its own; `run_all` runs the jobs that waited together, and may raise for all."""

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        run_all: Callable[[sqlite3.Connection, Sequence[_Order]], None],
    ) -> None:
        self._connect = connect
        self._run_all = run_all
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, job: Job[T], *, atomic: bool) -> T:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="dragoman-store", daemon=True)
            self._thread.start()
        order = _Order(job, atomic=atomic)
        self._orders.put(order)
        outcome: T = await order.future
        return outcome

    async def close(self) -> None:
        if self._thread is not None:
            thread, self._thread = self._thread, None
            self._orders.put(None)
            await asyncio.to_thread(thread.join)

    def _serve(self) -> None:
        connection: sqlite3.Connection | None = None
        open_ = True
        while open_:
            batch = [self._orders.get()]
            while not self._orders.empty():
                batch.append(self._orders.get())
            open_ = None not in batch
            orders = [order for order in batch if order is not None]
            try:
                connection = connection or self._connect()
                self._run_all(connection, orders)
            except (OSError, sqlite3.Error) as error:
                for order in orders:
                    order.error = error
            _settle(orders)
        if connection is not None:
            connection.close()


def _run_each(connection: sqlite3.Connection, orders: Sequence[_Order]) -> None:
    """Jobs that only read, one by one."""
    for order in orders:
        try:
            order.value = order.job(connection)
        except sqlite3.Error as error:
            order.error = error


def _run_together(connection: sqlite3.Connection, orders: Sequence[_Order]) -> None:
    """Jobs in one transaction; of several each has a savepoint of its own."""
    alone = orders[0] if len(orders) == 1 else None
    if alone is not None and alone.atomic:  # which is a transaction by itself
        alone.value = alone.job(connection)
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if alone is not None:
            alone.value = alone.job(connection)
        else:
            for order in orders:
                _run_apart(connection, order)
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _run_apart(connection: sqlite3.Connection, order: _Order) -> None:
    """One job; its failure undoes what it did, and nothing of its neighbours."""
    connection.execute("SAVEPOINT one")
    try:
        order.value = order.job(connection)
    except sqlite3.Error as error:
        order.error = error
        connection.execute("ROLLBACK TO one")
    connection.execute("RELEASE one")


def _settle(orders: Sequence[_Order]) -> None:
    waiting: dict[asyncio.AbstractEventLoop, list[_Order]] = {}
    for order in orders:
        waiting.setdefault(order.loop, []).append(order)
    for loop, own in waiting.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle_all, own)


def _settle_all(orders: Sequence[_Order]) -> None:
    for order in orders:
        order.settle()
