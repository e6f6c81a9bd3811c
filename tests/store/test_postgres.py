"""What only PostgreSQL does: connections that fail are dropped, and what was asked is asked once more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from proxy.store import Conversation, StoreError, postgres
from proxy.store.postgres import PostgresDatabase
from proxy.store.postgres_pool import Address, Pool
from proxy.store.sql import SqlStore, Statement
from tests.support.postgres import PostgresServer
from tests.support.records import record
from translators.history.raw_items import NewItem

_COUNT = Statement("SELECT COUNT(*) FROM conversation_items")


@pytest.fixture
async def dsn(postgres: PostgresServer) -> str:
    return await postgres.database()


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[PostgresDatabase]:
    database = PostgresDatabase(dsn, timeout=5.0)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def store(database: PostgresDatabase) -> SqlStore:
    return SqlStore(database)


@pytest.fixture
async def operator(dsn: str) -> AsyncIterator[Any]:
    """A connection of somebody else."""
    import asyncpg

    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def fill(database: PostgresDatabase) -> None:
    """Has several connections wait for the next request."""
    await asyncio.gather(*(database.read(Statement("SELECT pg_sleep(0.01)")) for _ in range(5)))


async def test_killed_connections_are_not_seen(database: PostgresDatabase, store: SqlStore, operator: Any) -> None:
    for number in range(3):
        await fill(database)
        killed = await operator.fetchval(
            "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert killed >= 1
        if number % 2:
            assert await store.get("o", "r0") is not None
        await store.put(record(f"r{number}"))
    assert len(await database.read(Statement("SELECT id FROM responses"))) == 3


async def test_connections_to_what_has_become_a_standby_are_dropped(
    database: PostgresDatabase, store: SqlStore
) -> None:
    await fill(database)
    for kept in database._pool._idle:
        await kept.connection.execute("SET default_transaction_read_only = on")
    await store.create_conversation(Conversation(id="c", owner="o", created_at=1, metadata={}), [NewItem("i", b"{}")])
    assert await store.set_metadata("o", "c", {"a": "b"})
    assert await database.read(_COUNT) == [(1,)]


async def test_a_standby_and_nothing_else_is_told(store: SqlStore, operator: Any, database: PostgresDatabase) -> None:
    name = await operator.fetchval("SELECT current_database()")
    await operator.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    database._pool.drop_idle()
    for _ in range(3):
        with pytest.raises(StoreError) as caught:
            await store.put(record("r"))
        assert caught.value.reason == postgres.STANDBY
        assert await store.get("o", "r") is None  # what only reads goes on
    await operator.execute("SET default_transaction_read_only = off")
    await operator.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
    await store.put(record("r"))


class Breaking:
    """A connection that is lost at its next COMMIT, before or behind it."""

    def __init__(self, connection: Any, *, committed: bool) -> None:
        self._connection = connection
        self._committed = committed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def execute(self, sql: str, *values: Any) -> str:
        if sql != "COMMIT":
            said: str = await self._connection.execute(sql, *values)
            return said
        if self._committed:
            await self._connection.execute(sql)
        raise ConnectionResetError


@pytest.mark.parametrize("committed", [False, True])
async def test_what_may_have_been_committed_is_written_once(
    database: PostgresDatabase, store: SqlStore, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """The connection is lost with the commit on its way: nobody has heard whether it was."""
    await store.create_conversation(Conversation(id="c", owner="o", created_at=1, metadata={}), [])
    original, broken = Pool.connection, 0

    @contextlib.asynccontextmanager
    async def connection(self: Pool) -> AsyncIterator[Any]:
        nonlocal broken
        async with original(self) as real:
            broken += 1
            yield Breaking(real, committed=committed) if broken == 1 else real

    monkeypatch.setattr(Pool, "connection", connection)
    await store.put(record("r", conversation="c"), ["in_r", "out_r"], [NewItem("i", b"{}")])
    assert await database.read(_COUNT) == [(1,)]

    broken = 0
    items = [NewItem("j", b"{}"), NewItem("k", b"{}")]
    with pytest.raises(StoreError):  # which nothing tells from the same items sent twice
        await store.append_items("c", items, 2)
    assert await database.read(_COUNT) == [(3 if committed else 1,)]


@pytest.mark.parametrize("kind", ["InternalClientError", "InterfaceError", "ConnectionDoesNotExistError"])
async def test_whatever_asyncpg_says_of_an_ended_connection_is_tried_again(
    database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    import asyncpg

    original, asked = Pool.connection, 0

    @contextlib.asynccontextmanager
    async def connection(self: Pool) -> AsyncIterator[Any]:
        nonlocal asked
        async with original(self) as real:
            asked += 1
            if asked == 1:
                raise getattr(asyncpg, kind)("cannot switch to state 11; another operation (2) is in progress")
            yield real

    monkeypatch.setattr(Pool, "connection", connection)
    assert await database.read(_COUNT) == [(0,)]
    assert asked == 2


async def test_a_locked_table_is_not_waited_for_without_end(dsn: str, operator: Any) -> None:
    database = PostgresDatabase(dsn, timeout=0.2)
    await database.open()
    store = SqlStore(database)
    async with operator.transaction():
        await operator.execute("LOCK TABLE responses IN ACCESS EXCLUSIVE MODE")
        for doing in (store.put(record("r")), store.get("o", "r")):
            with pytest.raises(StoreError) as caught:
                await doing
            assert caught.value.reason == postgres.SILENT
        await store.create_conversation(Conversation(id="c", owner="o", created_at=1, metadata={}), [])
    await store.put(record("r"))
    await database.close()


async def test_a_server_that_is_not_there_is_one_line() -> None:
    with pytest.raises(StoreError) as caught:
        await PostgresDatabase("postgresql://user:secret@127.0.0.1:9/x", timeout=5.0).open()
    assert caught.value.reason == postgres.UNREACHABLE
    assert "is it running" in caught.value.message
    assert "secret" not in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("dsn", "address"),
    [
        ("postgresql://h/d", Address("postgresql://h/d", 100)),
        ("postgresql://h/d?statement_cache_size=0", Address("postgresql://h/d", 0)),
        ("postgresql://h/d?statement_cache_size=7&sslmode=require", Address("postgresql://h/d?sslmode=require", 7)),
        ("postgresql://h/d?sslmode=require&pgbouncer=true", Address("postgresql://h/d?sslmode=require", 0)),
        ("postgresql://h/d?pgbouncer=false&a=b", Address("postgresql://h/d?a=b", 100)),
    ],
)
def test_the_address_says_whether_statements_are_prepared(dsn: str, address: Address) -> None:
    assert Address.read(dsn, 100) == address


async def test_without_prepared_statements_all_is_the_same(dsn: str) -> None:
    database = PostgresDatabase(f"{dsn}?statement_cache_size=0")
    await database.open()
    store = SqlStore(database)
    await store.put(record("r"), ["in_r"])
    assert await store.get("o", "r") == record("r")
    assert list(await store.find_items("o", ["in_r", "x"])) == ["in_r"]
    assert await store.delete("o", "r")
    assert not await store.delete("o", "r")
    await database.close()


async def test_a_connection_in_use_when_its_pool_closes_ends_when_it_comes_back(dsn: str) -> None:
    pool = Pool(Address.read(dsn, 100), 5.0)
    async with pool.connection() as connection:
        await pool.close()
        assert await connection.fetchval("SELECT 1") == 1
    assert connection.is_closed()
