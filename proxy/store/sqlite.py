"""SQLite behind `Database`: one thread writes, one reads, and neither stands in the event loop's way.

Whatever waits when the writer is free becomes one transaction: under load many responses share one commit. Without
a path the database is in memory and one thread does both. A short write that waits for nothing needs no thread.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
# What may be written without the thread: so much at once, and so often until the thread has the next turn.
_SHORT_BYTES = 1 << 16
_UNTENDED = 64
# A commit that takes so long had to wait for the disk, which is then left to the thread: for a moment, since it may
# have waited for the processor instead, and for twice as long each time that it soon happens again.
_STALLED_SECONDS = 0.005
_AVOIDED_SECONDS = 0.25
_LONGEST_AVOIDED_SECONDS = 16.0
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
        self._writer = writer = _Worker(lambda: _connect(path, fsync=fsync), _run_together)
        self._reader = writer if path is None else _Worker(lambda: _connect(path, fsync=fsync), _run_each)
        # In memory there is one connection to the database, and it is nobody's while the thread is idle.
        connect = writer.connected if path is None else lambda: _connect(path, patient=False)
        self._shortcut = None if fsync else _Shortcut(writer, connect)

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
        if self._shortcut is not None:
            self._shortcut.close()

    async def read(self, statement: Statement) -> list[Row]:
        sql = _own_form(statement.sql)
        return await self._run(
            self._reader, lambda connection: connection.execute(sql, statement.values).fetchall(), atomic=True
        )

    async def write(self, script: Sequence[Statement]) -> int:
        atomic = len(script) == 1
        if atomic and self._shortcut is not None:
            with _told():
                touched = self._shortcut.write(script[0])
            if touched is not None:
                return touched
        return await self._run(self._writer, lambda connection: _execute(connection, script), atomic=atomic)

    async def _run(self, worker: _Worker, job: Job[T], *, atomic: bool) -> T:
        with _told():
            return await worker.run(job, atomic=atomic)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
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


def _connect(path: Path | None, *, fsync: bool = False, patient: bool = True) -> sqlite3.Connection:
    """One that is not `patient` waits neither for a lock nor for the log to be copied."""
    if path is not None:
        # Made before SQLite does, which would leave it open to others; its companions take its mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(
        path or ":memory:",
        timeout=_BUSY_SECONDS if patient else 0,
        isolation_level=None,
        cached_statements=256,
        check_same_thread=False,  # the event loop of a program may be in one thread after the other
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {'FULL' if fsync else 'NORMAL'}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES if patient else 0}")
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
    """A job and the future of whoever waits for it; `atomic` where it is one statement. `done` is told of its end."""

    __slots__ = ("atomic", "done", "error", "future", "job", "loop", "value")

    def __init__(self, job: Job[Any], done: Callable[[], None], *, atomic: bool) -> None:
        self.job = job
        self.done = done
        self.atomic = atomic
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.value: Any = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        self.done()
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
        self._connection: sqlite3.Connection | None = None
        self._waiting = 0

    def connected(self) -> sqlite3.Connection:
        """The thread's own connection, for use while it is `idle`."""
        assert self._connection is not None, "the database has not been opened"
        return self._connection

    @property
    def idle(self) -> bool:
        return self._waiting == 0

    async def run(self, job: Job[T], *, atomic: bool) -> T:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="dragoman-store", daemon=True)
            self._thread.start()
        # Not the end of its future counts: where nobody waits for it any more, it is run all the same.
        order = _Order(job, self._settled, atomic=atomic)
        self._waiting += 1
        self._orders.put(order)
        outcome: T = await order.future
        return outcome

    def _settled(self) -> None:
        self._waiting -= 1

    async def close(self) -> None:
        if self._thread is not None:
            thread, self._thread = self._thread, None
            self._orders.put(None)
            await asyncio.to_thread(thread.join)

    def _serve(self) -> None:
        open_ = True
        while open_:
            batch = [self._orders.get()]
            while not self._orders.empty():
                batch.append(self._orders.get())
            open_ = None not in batch
            orders = [order for order in batch if order is not None]
            try:
                self._connection = self._connection or self._connect()
                self._run_all(self._connection, orders)
            except Exception as error:  # whatever it is: who waits is told, and the thread has others to serve
                for order in orders:
                    order.error = error
            _settle(orders)
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Shortcut:
    """Writes short statements without the thread, which costs as much again as the statement, when nothing waits there.

    Without fsync a commit only copies a few pages into the system's memory. Where it has to wait all the same, for a
    lock of another process or a disk that stalls, the thread does: for this statement, or for a while.
    """

    def __init__(self, writer: _Worker, connect: Callable[[], sqlite3.Connection]) -> None:
        self._writer = writer
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._closed_until = -_LONGEST_AVOIDED_SECONDS
        self._avoided = _AVOIDED_SECONDS
        self._left = _UNTENDED

    def write(self, statement: Statement) -> int | None:
        """How many rows were touched; None where the thread has to do it. Raises sqlite3.Error."""
        began = time.monotonic()
        if not self._writer.idle or began < self._closed_until or not _is_quick(statement):
            return None
        self._left -= 1
        if not self._left:  # the thread's own commits look after the log
            self._left = _UNTENDED
            return None
        if self._connection is None:
            self._connection = self._connect()
        try:
            touched = self._connection.execute(_own_form(statement.sql), statement.values).rowcount
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                return None
            raise
        now = time.monotonic()
        if now - began > _STALLED_SECONDS:
            soon = now - self._closed_until < _LONGEST_AVOIDED_SECONDS
            self._avoided = min(2 * self._avoided, _LONGEST_AVOIDED_SECONDS) if soon else _AVOIDED_SECONDS
            self._closed_until = now + self._avoided
        return touched

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _is_quick(statement: Statement) -> bool:
    """What deletes may touch any number of rows."""
    if statement.sql.startswith("DELETE"):
        return False
    return sum(len(value) for value in statement.values if isinstance(value, bytes | str)) <= _SHORT_BYTES


def _run_each(connection: sqlite3.Connection, orders: Sequence[_Order]) -> None:
    """Jobs that only read, one by one."""
    for order in orders:
        try:
            order.value = order.job(connection)
        except Exception as error:
            order.error = error


def _run_together(connection: sqlite3.Connection, orders: Sequence[_Order]) -> None:
    """Jobs in one transaction; of several each has a savepoint of its own."""
    if len(orders) == 1:
        order = orders[0]
        order.value = _run_alone(connection, order.job, atomic=order.atomic)
        return
    with _transaction(connection):
        for order in orders:
            _run_apart(connection, order)


def _run_alone(connection: sqlite3.Connection, job: Job[T], *, atomic: bool) -> T:
    if atomic:  # which is a transaction by itself
        return job(connection)
    with _transaction(connection):
        return job(connection)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _run_apart(connection: sqlite3.Connection, order: _Order) -> None:
    """One job; its failure undoes what it did, and nothing of its neighbours."""
    connection.execute("SAVEPOINT one")
    try:
        order.value = order.job(connection)
    except Exception as error:
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
