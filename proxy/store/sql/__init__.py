"""`SqlStore`: the store over any database that speaks common SQL; `Database` is what differs."""

from __future__ import annotations

from proxy.store.sql.conversations import SqlConversations
from proxy.store.sql.database import Database, Row, Statement
from proxy.store.sql.responses import SqlResponses
from proxy.store.sql.retention import SWEEP_BATCH, SqlRetention

_PROBE = "INSERT INTO probes (name, at) VALUES ('readiness', $1) ON CONFLICT (name) DO UPDATE SET at = EXCLUDED.at"

__all__ = ["SWEEP_BATCH", "Database", "Row", "SqlStore", "Statement"]


class SqlStore(SqlResponses, SqlConversations, SqlRetention):
    """Implements `Store`."""

    async def open(self) -> None:
        await self._database.open()

    async def close(self) -> None:
        await self._database.close()

    async def probe(self, now: float) -> None:
        await self._write(_PROBE, int(now))
        await self._database.inspect()
