"""`SqliteFile`: the database file, connections to it, and what its failures mean.

SQLite's locks are POSIX locks: a process loses all it has on a file when it closes *any* descriptor of that file, and
then others delete the log under it. So nothing here opens the file but SQLite, which knows of its own descriptors
(sqlite.org/howtocorrupt.html, 2.2). The only exception is the file's creation, when nobody can have locked it yet.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from proxy.store.schema import MIGRATIONS
from proxy.store.store import StoreError, StoreMisconfigured, of_files

# Copying the log into the database was a third of what storing costs. Four times SQLite's own bound, 16 MB of log,
# a page that many commits wrote is copied once, and the disk is waited for a fourth as often.
LOG_PAGES = 4000
# A larger file is not checked as a whole at every start, which would take longer than ten seconds on a slow disk:
# that is for `dragoman check --deep`.
CHECKED_AT_START = 1 << 30
# Readiness, which asks often, has a file checked as a whole up to this size: some ten milliseconds in the thread.
CHECKED_OFTEN = 16 << 20
# With less room the next response may not fit, though a row of readiness still does.
LEAST_FREE = 1 << 20
BUSY_SECONDS = 10.0

GONE, DAMAGED, READ_ONLY, FULL, LOCKED, CLOSED, FAILED = (
    "the database file is gone",
    "the database is damaged",
    "the database is read-only",
    "the disk is full",
    "the database is locked",
    "the database cannot be opened",
    "the database failed",
)
_MEANINGS = {
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_CANTOPEN: CLOSED,
}
_WAYS_OUT = {
    DAMAGED: "put a backup in its place, or save what can be read (`sqlite3 {path} .recover`), or move {name} and"
    " {name}-* away to begin with an empty one",
    READ_ONLY: "give this user the right to write it and its directory",
    FULL: "make room",
    LOCKED: "another process has locked it for longer than {seconds:g} s: end that one",
    CLOSED: "its directory has to be there, and this user needs the right to write it",
}
# After these a connection stays as it is even when the cause is gone: the next use needs a new one.
_SPOILING = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
    }
)
E = TypeVar("E", bound=sqlite3.Error)
_connecting = threading.Lock()


class FileGone(sqlite3.OperationalError):
    """No file, or another one, is where the connection's own was.

    Closing such a connection leaves the log that has the name now alone (SQLite's `databaseIsUnmoved`).
    """


class Outdated(sqlite3.OperationalError):
    """The schema has not been brought up to date yet."""


class Connection(sqlite3.Connection):
    """`file` is the device and the number of the file that it has open."""

    file: tuple[int, int] | None = None


class SqliteFile:
    """`path` is None for a database in memory. `fsync` makes each commit survive a loss of power, too."""

    def __init__(self, path: Path | None, *, fsync: bool = False) -> None:
        self.path = None if path is None else Path(os.path.realpath(path))  # where SQLite makes a missing file
        self._place = "" if path is None else str(self.path)  # the same, for a look with every write
        self._fsync = fsync

    def create(self) -> None:
        """Makes the file for its owner alone, unless it is there; its companions take its mode. Raises OSError."""
        if self.path is None:
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # One at a time, so that no connection of this process has locks on the file that is closed here.
        with _connecting, contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))

    def connect(self, *, patient: bool = True) -> Connection:
        """One that is not `patient` waits neither for a lock nor for the log to be copied. Raises sqlite3.Error."""
        with _connecting:
            before = self._identity()
            # What is not there is not made: it would look like an empty store to whoever has lost one.
            name = ":memory:" if self.path is None else f"file:{quote(str(self.path))}?mode=rw"
            connection = sqlite3.connect(
                name,
                timeout=BUSY_SECONDS if patient else 0,
                isolation_level=None,
                cached_statements=256,
                check_same_thread=False,  # the event loop of a program may be in one thread after the other
                factory=Connection,
                uri=True,
            )
        connection.file = before
        try:
            self.check(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {'FULL' if self._fsync else 'NORMAL'}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES if patient else 0}")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = FAST")
        except BaseException:
            connection.close()
            raise
        return connection

    def check(self, connection: Connection) -> None:
        """Raises FileGone where the connection's file is not at its place any more: what it writes nobody will find."""
        if connection.file is not None and self._identity() != connection.file:
            raise FileGone(GONE)

    def _identity(self) -> tuple[int, int] | None:
        if self.path is None:
            return None
        try:
            status = os.stat(self._place)
        except FileNotFoundError:
            raise FileGone(GONE) from None
        except OSError as error:
            raise sqlite3.OperationalError(f"{error.strerror}: {self.path}") from error
        return status.st_dev, status.st_ino

    def small_enough(self, limit: int) -> bool:
        return self.path is not None and os.stat(self.path).st_size <= limit

    def check_room(self) -> None:
        """Raises sqlite3.OperationalError where the disk is nearly full."""
        if self.path is not None and shutil.disk_usage(self.path.parent).free < LEAST_FREE:
            raise _coded(sqlite3.OperationalError(FULL), sqlite3.SQLITE_FULL)

    def explain(self, error: Exception) -> StoreError:
        """What is wrong and the way out, for whoever starts the program."""
        reason = meaning(error)
        message = f"the database {self.path} cannot be used: {error}"
        if self.path is not None and reason in _WAYS_OUT:
            message += "; " + _WAYS_OUT[reason].format(path=self.path, name=self.path.name, seconds=BUSY_SECONDS)
        kind = StoreMisconfigured if reason in (READ_ONLY, CLOSED) else of_files(error)
        return kind(message, reason=reason)


def meaning(error: BaseException) -> str:
    """The failure in words that name nothing secret."""
    if isinstance(error, FileGone):
        return GONE
    return _MEANINGS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, FAILED)


def spoils(error: BaseException | None) -> bool:
    """Whether the connection that raised this is of no more use."""
    return isinstance(error, FileGone) or getattr(error, "sqlite_errorcode", 0) & 0xFF in _SPOILING


def find_damage(connection: sqlite3.Connection, *, deep: bool = False) -> None:
    """Raises sqlite3.DatabaseError where the file's structure is broken; `deep` compares indices with their tables."""
    (found,) = connection.execute(f"PRAGMA {'integrity_check' if deep else 'quick_check'}(1)").fetchone()
    if found != "ok":
        raise damaged(str(found))


def damaged(found: str) -> sqlite3.DatabaseError:
    return _coded(sqlite3.DatabaseError(" ".join(found.split())), sqlite3.SQLITE_CORRUPT)


def _coded(error: E, code: int) -> E:
    """As SQLite itself would have raised it."""
    error.sqlite_errorcode = code
    return error


def migrate(connection: sqlite3.Connection) -> None:
    """Runs within the writer's transaction, which holds the lock of the whole database."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for migration in MIGRATIONS[version:]:
        for statement in migration:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
