"""SQLite behind `Database`: one thread writes, one reads, and neither stands in the event loop's way.

Without a path the database is in memory and one thread does both. A short write that waits for nothing needs no thread.
A failure that a connection cannot recover from costs that connection: the next use makes another one.
"""

from __future__ import annotations

import logging
import re
import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

from proxy.store.schema import MIGRATIONS
from proxy.store.sql import Row, Statement
from proxy.store.sqlite_file import (
    CHECKED_AT_START,
    CHECKED_OFTEN,
    LOCKED,
    Connection,
    FileGone,
    Outdated,
    SqliteFile,
    find_damage,
    meaning,
    migrate,
    spoils,
)
from proxy.store.sqlite_worker import Job, T, Worker, run_each, run_together, transaction
from proxy.store.store import StoreError

_log = logging.getLogger(__name__)

# What may be written without the thread: so much at once, and so often until the thread has the next turn.
_SHORT_BYTES = 1 << 16
_UNTENDED = 64
# A commit that takes so long had to wait for the disk, which is then left to the thread: for a moment, since it may
# have waited for the processor instead, and for twice as long each time that it soon happens again.
_STALLED_SECONDS = 0.005
_AVOIDED_SECONDS = 0.25
_LONGEST_AVOIDED_SECONDS = 16.0
_PARAMETER = re.compile(r"= ANY\(\$(\d+)(?:::\w+\[\])?\)|\$(\d+)(?:::\w+)?")
_FORMS = 256  # the statements of the store are a fixed few: nothing that a client sends makes another one


class _Form(msgspec.Struct, frozen=True):
    """A statement as SQLite takes it, with a bare `?` for each parameter and the places of their values in order.

    `places` is None where each value is used once, in the order in which they are given. Numbered placeholders with a
    sequence are deprecated since Python 3.12. A list goes as a JSON array. `deletes` is whether it may touch any number
    of rows.
    """

    sql: str
    places: tuple[int, ...] | None
    lists: frozenset[int]
    deletes: bool

    def values(self, given: Row) -> Row:
        if self.lists:
            given = tuple(
                msgspec.json.encode(value).decode() if place in self.lists else value
                for place, value in enumerate(given)
            )
        return given if self.places is None else tuple([given[place] for place in self.places])


@lru_cache(_FORMS)
def _form(sql: str) -> _Form:
    found = list(_PARAMETER.finditer(sql))
    places = tuple(int(match[1] or match[2]) - 1 for match in found)
    lists = frozenset(int(match[1]) - 1 for match in found if match[1])
    text = _PARAMETER.sub(lambda match: "IN (SELECT value FROM json_each(?))" if match[1] else "?", sql)
    in_order = places == tuple(range(len(places)))
    return _Form(text, None if in_order else places, lists, deletes=sql.startswith("DELETE"))


def execute(connection: sqlite3.Connection, statement: Statement) -> sqlite3.Cursor:
    form = _form(statement.sql)
    return connection.execute(form.sql, form.values(statement.values))


class SqliteDatabase:
    """`fsync` makes each commit survive a loss of power too, not only the end of the process."""

    def __init__(self, path: Path | None, *, fsync: bool = False) -> None:
        self._file = file = SqliteFile(path, fsync=fsync)
        self._writer = writer = Worker(file, lambda: _connect_to_write(file), run_together)
        self._reader = writer if path is None else Worker(file, lambda: _connect(file), run_each)
        # In memory there is one connection to the database, and it is nobody's while the thread is idle.
        connect = writer.connected if path is None else lambda: _connect(file, patient=False)
        self._shortcut = None if fsync else _Shortcut(writer, file, connect)

    async def open(self) -> None:
        try:
            self._file.create()
            await self._writer.run(_check_not_newer, atomic=True)
        except (OSError, sqlite3.Error) as error:
            raise self._file.explain(error) from error

    async def close(self) -> None:
        for worker in {self._writer, self._reader}:
            await worker.close()
        if self._shortcut is not None:
            self._shortcut.close()

    async def inspect(self) -> None:
        """On a connection of its own: one that is in use has pages in memory that the file may have lost."""
        await self._run(self._reader, lambda _: self._inspect(), atomic=True)

    def _inspect(self) -> None:
        if self._file.path is None:
            return
        self._file.check_room()
        connection = _connect(self._file)
        try:
            if self._file.small_enough(CHECKED_OFTEN):
                find_damage(connection)
        finally:
            connection.close()

    async def read(self, statement: Statement) -> list[Row]:
        return await self._run(self._reader, lambda connection: execute(connection, statement).fetchall(), atomic=True)

    async def write(self, script: Sequence[Statement], done: Statement | None = None) -> int:
        atomic = len(script) == 1
        if atomic and self._shortcut is not None:
            try:
                touched = self._shortcut.write(script[0])
            except sqlite3.Error as error:
                raise self._told(error) from error
            if touched is not None:
                return touched
        return await self._run(self._writer, lambda connection: _execute_all(connection, script), atomic=atomic)

    async def _run(self, worker: Worker, job: Job[T], *, atomic: bool) -> T:
        try:
            return await worker.run(job, atomic=atomic)
        except sqlite3.Error as error:
            raise self._told(error) from error

    def _told(self, error: sqlite3.Error) -> StoreError:
        """What callers are told of a failure, after the connections that it spoilt have been given up."""
        if spoils(error):  # who reads may have noticed first what concerns who writes, too
            for worker in {self._writer, self._reader}:
                worker.renew()
            if self._shortcut is not None:
                self._shortcut.close()
        _log.error("the database failed", extra={"reason": str(error)})
        return StoreError(reason=meaning(error))


def _connect(file: SqliteFile, *, patient: bool = True) -> Connection:
    connection = file.connect(patient=patient)
    if _version(connection) < len(MIGRATIONS):  # another file took the place of the one that was opened
        connection.close()
        raise Outdated("its schema has to be brought up to date first")
    return connection


def _connect_to_write(file: SqliteFile) -> Connection:
    connection = file.connect()
    try:
        if file.small_enough(CHECKED_AT_START):
            find_damage(connection)
        if _version(connection) < len(MIGRATIONS):
            with transaction(connection):
                migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_not_newer(connection: sqlite3.Connection) -> None:
    """At a start; a process that is at work goes on beside a later version, which is about to take its place."""
    version = _version(connection)
    if version > len(MIGRATIONS):
        raise sqlite3.DatabaseError(f"its schema {version} was made by a later version of this program")


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _execute_all(connection: sqlite3.Connection, script: Sequence[Statement]) -> int:
    first, *rest = script
    touched = execute(connection, first).rowcount
    if touched:
        for statement in rest:
            execute(connection, statement)
    return touched


class _Shortcut:
    """Writes short statements without the thread, which costs as much again as the statement, when nothing waits there.

    Without fsync a commit only copies a few pages into the system's memory. Where it has to wait all the same, for a
    lock of another process or a disk that stalls, the thread does: for this statement, or for a while.
    """

    def __init__(self, writer: Worker, file: SqliteFile, connect: Callable[[], Connection]) -> None:
        self._writer = writer
        self._file = file
        self._connect = connect
        self._connection: Connection | None = None
        self._closed_until = -_LONGEST_AVOIDED_SECONDS
        self._avoided = _AVOIDED_SECONDS
        self._left = _UNTENDED

    def write(self, statement: Statement) -> int | None:
        """How many rows were touched; None where the thread has to do it. Raises sqlite3.Error."""
        began = time.monotonic()
        form = _form(statement.sql)
        size = statement.size if statement.size is not None else _size(statement.values)
        if not self._writer.idle or began < self._closed_until or form.deletes or size > _SHORT_BYTES:
            return None
        self._left -= 1
        if not self._left:  # the thread's own commits look after the log
            self._left = _UNTENDED
            return None
        try:
            if self._connection is None:
                self._connection = self._connect()
            touched = self._connection.execute(form.sql, form.values(statement.values)).rowcount
            self._file.check(self._connection)
        except sqlite3.Error as error:
            if isinstance(error, FileGone):
                self.close()
            if self._connection is None or meaning(error) == LOCKED:
                return None
            raise
        now = time.monotonic()
        if now - began > _STALLED_SECONDS:
            soon = now - self._closed_until < _LONGEST_AVOIDED_SECONDS
            self._avoided = min(2 * self._avoided, _LONGEST_AVOIDED_SECONDS) if soon else _AVOIDED_SECONDS
            self._closed_until = now + self._avoided
        return touched

    def close(self) -> None:
        """Until the next statement, which makes another connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _size(values: Row) -> int:
    return sum([len(value) for value in values if isinstance(value, bytes | str)])
