"""What an operator does with a database that may be in use: a backup of it, and a search for damage.

Both raise StoreError, whose message names the file and the way out.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from proxy.store.sqlite_file import CHECKED_AT_START, SqliteFile, damaged, find_damage
from proxy.store.store import StoreError


def back_up(path: Path, target: Path) -> int:
    """Copies the database as it is at one moment into a new file, for its owner alone; how many bytes that has.

    Who writes meanwhile is not kept waiting. The file has its name once it is whole, checked and on the disk.
    """
    if not path.exists():
        raise StoreError(f"there is no database {path} yet")
    if target.exists():
        raise StoreError(f"{target} is there already: name a new file")
    unfinished = SqliteFile(target.with_name(f"{target.name}.{os.getpid()}.unfinished"))
    assert unfinished.path is not None
    file = SqliteFile(path)
    try:
        try:
            unfinished.create()
            _copy(file, unfinished.path)
            os.rename(unfinished.path, target)
        finally:
            unfinished.path.unlink(missing_ok=True)
    except sqlite3.Error as error:
        raise file.explain(error) from error
    except OSError as error:
        raise StoreError(f"the backup {target} cannot be written: {error.strerror}") from error
    return target.stat().st_size


def _copy(file: SqliteFile, target: Path) -> None:
    source = file.connect()
    copy = sqlite3.connect(target)
    try:
        source.backup(copy)  # in one step, so that nothing that is written meanwhile has it begin again
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, whatever is done with it
        find_damage(copy)
    finally:
        copy.close()
        source.close()
    with target.open("rb") as written:
        os.fsync(written.fileno())


def search(path: Path, *, deep: bool) -> None:
    """Raises StoreError for the first damage that is found: as thoroughly as a start looks for it, or `deep`."""
    file = SqliteFile(path)
    try:
        connection = file.connect()
        try:
            if deep or file.small_enough(CHECKED_AT_START):
                find_damage(connection, deep=deep)
            if deep and connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise damaged("a row belongs to one that is not there")
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise file.explain(error) from error
