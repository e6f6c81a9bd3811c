"""The store in its three forms."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.store import Store
from proxy.store.postgres import PostgresDatabase
from proxy.store.sql import SqlStore
from proxy.store.sqlite import SqliteDatabase


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    database: SqliteDatabase | PostgresDatabase
    if request.param == "postgres":
        database = PostgresDatabase(await request.getfixturevalue("postgres").database())
    else:
        database = SqliteDatabase(tmp_path / "deep" / "store.db" if request.param == "sqlite" else None)
    store = SqlStore(database)
    await store.open()
    yield store
    await store.close()
