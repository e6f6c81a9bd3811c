"""`create_store(settings)`: the store that the configuration asks for."""

from __future__ import annotations

from pathlib import Path

from proxy.config import StoreSettings
from proxy.store.sql import SqlStore
from proxy.store.sqlite import SqliteDatabase
from proxy.store.store import Store

FILE = "dragoman.db"


def create_store(settings: StoreSettings) -> Store:
    """Without a data directory `sqlite` keeps its database in memory, as `memory` does."""
    if settings.kind == "postgres":
        from proxy.store.postgres import PostgresDatabase

        assert settings.dsn is not None, "the rules of the configuration require it"
        return SqlStore(
            PostgresDatabase(
                settings.dsn.reveal(), timeout=settings.timeout, statement_cache_size=settings.statement_cache_size
            )
        )
    if settings.kind == "memory" or settings.data_dir is None:
        return SqlStore(SqliteDatabase(None))
    return SqlStore(SqliteDatabase(Path(settings.data_dir) / FILE, fsync=settings.fsync))
