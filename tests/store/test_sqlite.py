"""What only SQLite does: short writes without the thread, and when the thread has to do them all the same."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest

from proxy.net.eager_send import EagerSend
from proxy.store import StoreError, sqlite, sqlite_file, sqlite_worker
from proxy.store.sql import Statement
from proxy.store.sqlite import SqliteDatabase

_TABLE = "CREATE TABLE IF NOT EXISTS notes (note TEXT)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


async def opened(path: Path | None, *, fsync: bool = False) -> SqliteDatabase:
    database = SqliteDatabase(path, fsync=fsync)
    await database.open()
    await database.write([Statement(_TABLE, ()), Statement("DELETE FROM notes", ())])
    return database


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SqliteDatabase]:
    database = await opened(path)
    yield database
    await database.close()


def note(text: str) -> list[Statement]:
    return [Statement("INSERT INTO notes VALUES ($1)", (text,))]


def write(database: SqliteDatabase, text: str) -> Awaitable[None] | None:
    """None where it has been written already, without waiting for the thread."""

    async def written() -> None:
        assert await database.write(note(text)) == 1

    return EagerSend()(written())


async def notes(database: SqliteDatabase) -> list[str]:
    return [str(row[0]) for row in await database.read(Statement("SELECT note FROM notes ORDER BY rowid", ()))]


async def test_a_short_write_needs_no_thread(database: SqliteDatabase) -> None:
    assert write(database, "short") is None
    assert await notes(database) == ["short"]


async def test_with_fsync_every_write_is_the_threads(path: Path) -> None:
    database = await opened(path, fsync=True)
    rest = write(database, "short")
    assert rest is not None
    await rest
    assert await notes(database) == ["short"]
    await database.close()


async def test_a_long_write_is_the_threads(database: SqliteDatabase) -> None:
    rest = write(database, "x" * (sqlite._SHORT_BYTES + 1))
    assert rest is not None
    await rest
    assert write(database, "x" * sqlite._SHORT_BYTES) is None


async def test_so_are_several_statements(database: SqliteDatabase) -> None:
    rest = EagerSend()(_forget(database.write(note("a") + note("b"))))
    assert rest is not None
    await rest
    assert await notes(database) == ["a", "b"]


async def _forget(writing: Awaitable[int]) -> None:
    await writing


@pytest.mark.parametrize("connected", [False, True])
async def test_a_lock_of_another_process_is_waited_for_in_the_thread(
    database: SqliteDatabase, path: Path, connected: bool
) -> None:
    if connected:
        assert write(database, "first") is None
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    rest = write(database, "locked out")
    assert rest is not None
    waiting = asyncio.ensure_future(_await(rest))
    assert (await notes(database))[1:] == []  # what reads goes on
    for _ in range(100):
        await asyncio.sleep(0)
    assert not waiting.done()
    other.execute("COMMIT")
    other.close()
    await waiting
    assert (await notes(database))[-1] == "locked out"


async def _await(rest: Awaitable[None]) -> None:
    await rest


async def test_a_failure_is_a_store_error_at_once(database: SqliteDatabase) -> None:
    with pytest.raises(StoreError):
        EagerSend()(_forget(database.write([Statement("INSERT INTO nowhere VALUES (1)", ())])))
    assert write(database, "next") is None


# --- order ---------------------------------------------------------------------------------------


class Blocked:
    """The writer's thread, busy until it is let go."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._gate = threading.Event()
        assert isinstance(database._writer, sqlite_worker.Worker)
        self.task = asyncio.ensure_future(database._writer.run(self._job, atomic=True))

    def _job(self, connection: sqlite3.Connection) -> None:
        self._gate.wait(30)
        connection.execute("INSERT INTO notes VALUES ('first')")

    def let_go(self) -> None:
        self._gate.set()


async def test_an_unfinished_write_is_not_overtaken(database: SqliteDatabase) -> None:
    blocked = Blocked(database)
    await asyncio.sleep(0)
    rest = write(database, "second")
    assert rest is not None
    blocked.let_go()
    await rest
    await blocked.task
    assert write(database, "third") is None
    assert await notes(database) == ["first", "second", "third"]


async def test_nor_is_one_that_nobody_waits_for_any_more(database: SqliteDatabase) -> None:
    blocked = Blocked(database)
    await asyncio.sleep(0)
    blocked.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await blocked.task
    rest = write(database, "second")
    blocked.let_go()
    assert rest is not None
    await rest
    assert await notes(database) == ["first", "second"]
    assert write(database, "third") is None


# --- the disk ------------------------------------------------------------------------------------


class Clock:
    """Goes on by a step whenever it is looked at."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.step = 0.0

    def monotonic(self) -> float:
        self.now += self.step
        return self.now


async def test_a_disk_that_stalls_is_left_to_the_thread_for_a_while(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(sqlite, "time", clock)
    assert write(database, "quick") is None

    async def stall(seconds: float) -> None:
        clock.step = sqlite._STALLED_SECONDS * 2
        assert write(database, "slow") is None
        clock.step = 0.0
        for passed in (0.0, seconds * 0.9):
            clock.now += passed
            rest = write(database, "in the thread")
            assert rest is not None
            await rest
        clock.now += seconds * 0.1

    shortest, longest = sqlite._AVOIDED_SECONDS, sqlite._LONGEST_AVOIDED_SECONDS
    seconds = shortest
    while seconds < longest:
        await stall(seconds)
        seconds *= 2
    await stall(longest)
    await stall(longest)
    clock.now += longest
    await stall(shortest)
    assert write(database, "quick again") is None


async def test_the_thread_has_its_turn_and_looks_after_the_log(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = 50
    monkeypatch.setattr(sqlite_file, "LOG_PAGES", pages)
    monkeypatch.setattr(sqlite, "_STALLED_SECONDS", float("inf"))  # however slow this machine is
    database = await opened(path)
    log, longest = path.with_name(path.name + "-wal"), 0
    turns = 0
    for number in range(2000):
        rest = write(database, f"{number:0200}")
        if rest is not None:
            turns += 1
            await rest
        longest = max(longest, log.stat().st_size)
    assert turns == 2000 // sqlite._UNTENDED
    assert len(await notes(database)) == 2000
    # A write changes the table's last page, and now and then a few more.
    assert longest < (pages + 4 * sqlite._UNTENDED) * 4096 * 1.1
    await database.close()


async def test_a_short_write_in_memory_needs_no_thread_either() -> None:
    database = await opened(None)
    assert write(database, "short") is None
    rest = write(database, "x" * (sqlite._SHORT_BYTES + 1))
    assert rest is not None
    await rest
    with pytest.raises(StoreError):
        await database.write([*note("undone"), Statement("INSERT INTO nowhere VALUES (1)", ())])
    assert write(database, "last") is None
    assert [text[0] for text in await notes(database)] == ["s", "x", "l"]
    await database.close()


async def test_what_may_remove_much_is_the_threads(database: SqliteDatabase) -> None:
    assert write(database, "short") is None
    rest = EagerSend()(_forget(database.write([Statement("DELETE FROM notes", ())])))
    assert rest is not None
    await rest
    assert await notes(database) == []


@pytest.mark.parametrize("unwritable", ["\ud800", 1 << 70])
async def test_a_value_that_cannot_be_written_fails_alone(path: Path, unwritable: object) -> None:
    """It raises neither of SQLite's errors, and would end the thread with all that waits there."""
    database = await opened(path, fsync=True)
    wrong = [Statement("INSERT INTO notes VALUES ($1)", (unwritable,))]
    both = [*note("undone"), *wrong]
    written = [database.write(script) for script in (note("one"), wrong, note("two"), both, note("three"))]
    outcomes = await asyncio.gather(*written, return_exceptions=True)
    assert [type(outcome) is int for outcome in outcomes] == [True, False, True, False, True]
    assert await notes(database) == ["one", "two", "three"]
    await database.close()


def test_no_placeholder_has_a_number() -> None:
    """With a sequence of values those are deprecated since Python 3.12, and refused by later ones."""
    form = sqlite._form("UPDATE t SET a = $3::bytea WHERE id = $1 AND b = $3 AND c = ANY($2::text[])")
    assert form.sql == "UPDATE t SET a = ? WHERE id = ? AND b = ? AND c IN (SELECT value FROM json_each(?))"
    assert form.values(("i", ["x", "y"], b"z")) == (b"z", "i", b"z", '["x","y"]')
