"""The database's file: nothing of it is lost to other processes, and each of its failures has an end."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.store import StoreError, sqlite_file
from proxy.store.schema import MIGRATIONS
from proxy.store.sql import Statement
from proxy.store.sqlite import SqliteDatabase

_NOTE = "INSERT INTO conversations (id, owner, created_at, updated_at, metadata) VALUES ($1, 'o', 1, 1, '{}')"
_WRITER = f"""
import asyncio, sys
from pathlib import Path
from proxy.store.sql import Statement
from proxy.store.sqlite import SqliteDatabase

async def main():
    database = SqliteDatabase(Path(sys.argv[1]))
    await database.open()
    print("opened", flush=True)
    for line in sys.stdin:
        if line == "again\\n":
            await SqliteDatabase(Path(sys.argv[1])).open()
        else:
            await database.write([Statement({_NOTE!r}, (line.strip(),))])
            await database.read(Statement("SELECT COUNT(*) FROM conversations"))
        print("done", flush=True)

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "dragoman.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(path)
    await database.open()
    yield database
    await database.close()


async def write(database: SqliteDatabase, *names: str) -> None:
    """One of them is a short write, several go by way of the thread."""
    assert await database.write([Statement(_NOTE, (name,)) for name in names]) == 1


async def names(database: SqliteDatabase) -> set[str]:
    return {row[0] for row in await database.read(Statement("SELECT id FROM conversations"))}


class Writer:
    """A process with the database open; `do` returns when it has acknowledged."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._next() == "opened"

    def do(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        assert self._next() == "done"

    def end(self, number: int) -> None:
        self._process.send_signal(number)
        self._process.communicate()

    def _next(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def kept_whole(path: Path, wanted: set[str]) -> None:
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert {row[0] for row in connection.execute("SELECT id FROM conversations")} == wanted
    connection.close()


@pytest.mark.parametrize("in_between", ["shell", "process ends", "process killed", "second database in the process"])
def test_nothing_is_lost_when_others_come_and_go(path: Path, in_between: str) -> None:
    """The last one to close a database deletes its log, and must not take itself for the last."""
    writer = Writer(path)
    wanted = {"first"}
    writer.do("first")
    for round_ in range(3):
        match in_between:
            case "shell":
                sqlite3.connect(path).execute("SELECT * FROM conversations").connection.close()
            case "second database in the process":
                writer.do("again")
                sqlite3.connect(path).execute("SELECT * FROM conversations").connection.close()
            case _:
                other = Writer(path)
                other.do(f"other {round_}")
                wanted.add(f"other {round_}")
                other.end(signal.SIGKILL if in_between == "process killed" else signal.SIGTERM)
                sqlite3.connect(path).execute("SELECT * FROM conversations").connection.close()
        writer.do(f"after {round_}")
        wanted.add(f"after {round_}")
    writer.end(signal.SIGKILL)
    kept_whole(path, wanted)


def test_processes_that_start_together_make_one_database(path: Path) -> None:
    command = [sys.executable, "-c", _WRITER, str(path)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    said = [process.communicate(f"note {number}\n")[0:2] for number, process in enumerate(processes)]
    assert said == [("opened\ndone\n", "")] * 6
    kept_whole(path, {f"note {number}" for number in range(6)})


async def test_the_files_are_for_their_owner_alone(database: SqliteDatabase, path: Path) -> None:
    await write(database, "a")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes) == {"dragoman.db", "dragoman.db-wal", "dragoman.db-shm"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def overwrite(path: Path, byte: bytes, at: int, length: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(byte * length)


# --- what fails, and is mended while the program runs ------------------------------------------------


@pytest.mark.parametrize("several", [False, True])
async def test_a_deleted_file_is_noticed_and_one_put_back_is_used(
    database: SqliteDatabase, path: Path, tmp_path: Path, several: bool
) -> None:
    """What is written to a file without a name is found by nobody."""
    await write(database, "before")
    with sqlite3.connect(path) as source, sqlite3.connect(tmp_path / "backup.db") as target:
        source.backup(target)
    source.close()
    target.close()
    for file in path.parent.iterdir():
        file.unlink()
    for name in ("one", "two", "three"):
        with pytest.raises(StoreError) as caught:
            await write(database, name, *([name + "!"] if several else []))
        assert caught.value.reason == sqlite_file.GONE
        with pytest.raises(StoreError):
            await names(database)
    assert not os.listdir(path.parent), "an empty database would hide that there was another"
    shutil.copy(tmp_path / "backup.db", path)
    await write(database, "after")
    assert await names(database) == {"before", "after"}


async def test_who_lets_go_of_a_file_that_is_gone_leaves_the_log_of_the_next_one(path: Path) -> None:
    """A log is deleted by its name, by the last one to close its database."""
    database = SqliteDatabase(path)
    await database.open()
    await write(database, "before", "that")
    await write(database, "short")
    assert await names(database) == {"before", "that", "short"}
    for name in os.listdir(path.parent):
        os.unlink(path.parent / name)
    other = Writer(path)
    other.do("first")
    await database.close()
    other.do("second")
    other.end(signal.SIGKILL)
    kept_whole(path, {"first", "second"})


async def test_an_older_file_put_in_its_place_is_brought_up_to_date(database: SqliteDatabase, path: Path) -> None:
    await write(database, "before")
    other = path.with_name("other.db")
    sqlite3.connect(other).close()
    os.replace(other, path)
    for companion in ("-wal", "-shm"):
        path.with_name(path.name + companion).unlink()
    await write(database, "after")
    assert await names(database) == {"after"}
    assert await database.read(Statement("PRAGMA user_version")) == [(len(MIGRATIONS),)]


async def test_damage_is_told_until_the_file_is_replaced(database: SqliteDatabase, path: Path, tmp_path: Path) -> None:
    await write(database, "before")
    with sqlite3.connect(path) as source, sqlite3.connect(tmp_path / "backup.db") as target:
        source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        source.backup(target)
    source.close()
    target.close()
    overwrite(path, b"\0", 0, os.stat(path).st_size)
    other = sqlite3.connect(path)  # as any other process that writes, it has the log begin anew
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            await database.write([Statement("UPDATE conversations SET created_at = 2"), *[Statement(_NOTE, ("x",))]])
        assert caught.value.reason in (sqlite_file.DAMAGED, sqlite_file.FAILED)
    other.close()
    os.replace(tmp_path / "backup.db", path)
    for companion in ("-wal", "-shm"):
        path.with_name(path.name + companion).unlink(missing_ok=True)
    await write(database, "after")
    assert await names(database) == {"before", "after"}


async def test_a_full_disk_recovers(database: SqliteDatabase) -> None:
    await write(database, "before")
    for worker in (database._writer, database._reader):
        await worker.run(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall(), atomic=True)
    big = Statement("INSERT INTO conversation_items VALUES ('before', 1, 'i', $1)", (b"x" * 1_000_000,))
    with pytest.raises(StoreError) as caught:
        await database.write([big])
    assert caught.value.reason == sqlite_file.FULL
    await database._writer.run(
        lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchall(), atomic=True
    )
    assert await database.write([big]) == 1


async def test_a_process_goes_on_beside_a_later_version_and_none_is_started(
    database: SqliteDatabase, path: Path
) -> None:
    await write(database, "before")
    later = sqlite3.connect(path)
    later.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    later.close()
    await database.inspect()
    for worker in (database._writer, database._reader):
        worker.renew()
    await write(database, "after", "that")
    assert await names(database) == {"before", "after", "that"}
    with pytest.raises(StoreError, match="made by a later version"):
        await SqliteDatabase(path).open()


# --- starting ----------------------------------------------------------------------------------------


async def test_a_damaged_file_is_named_with_the_ways_out(path: Path) -> None:
    os.mkdir(path.parent)
    shutil.copy(__file__, path)
    with pytest.raises(StoreError) as caught:
        await SqliteDatabase(path).open()
    message = caught.value.message
    assert str(path) in message
    assert ".recover" in message
    assert "\n" not in message
    assert caught.value.reason == sqlite_file.DAMAGED


async def test_damage_in_the_middle_is_found_at_the_start(path: Path) -> None:
    database = SqliteDatabase(path)
    await database.open()
    await write(database, *(f"note {number}" for number in range(2000)))
    await database.close()
    overwrite(path, b"\xff", os.stat(path).st_size // 2 // 4096 * 4096, 4096)
    with pytest.raises(StoreError, match="put a backup in its place"):
        await SqliteDatabase(path).open()


async def test_a_directory_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(StoreError, match=r"data"):
        await SqliteDatabase(tmp_path / "data" / "dragoman.db").open()


async def test_a_locked_database_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY_SECONDS", 0.01)
    os.mkdir(path.parent)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="another process has locked it"):
        await SqliteDatabase(path).open()
    other.close()
