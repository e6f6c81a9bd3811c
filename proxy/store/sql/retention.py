"""The part of the store that removes what is over the limits, whole threads at a time."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from proxy.store.records import Limits
from proxy.store.sql.database import Statement, Tables

SWEEP_BATCH = 200
_PATIENCE = 30.0  # it reads an index of everything

_THREADS = "SELECT root, COUNT(*), SUM(bytes), MAX(created_at) FROM responses GROUP BY root ORDER BY MAX(created_at)"


class SqlRetention(Tables):
    async def sweep(self, limits: Limits, now: float) -> int:
        if limits.max_conversation_age:
            sql = (
                "DELETE FROM conversations WHERE id IN"
                " (SELECT id FROM conversations WHERE updated_at < $1 ORDER BY updated_at LIMIT $2)"
            )
            while await self._database.write(
                [Statement(sql, (int(now - limits.max_conversation_age), SWEEP_BATCH), _PATIENCE)]
            ):
                pass
        if not (limits.max_age or limits.max_responses or limits.max_bytes):
            return 0
        threads = [
            _Thread(root, int(count), int(size), used_at)
            for root, count, size, used_at in await self._database.read(Statement(_THREADS, (), _PATIENCE))
        ]
        removed = 0
        for thread in _excess(threads, limits, now):
            removed += await self._sweep_thread(thread.root)
        return removed

    async def _sweep_thread(self, root: str) -> int:
        """Removes the oldest first: what is left of a thread meanwhile says that it is not whole."""
        sql = (
            "DELETE FROM responses WHERE id IN (SELECT id FROM responses WHERE root = $1"
            " AND status NOT IN ('queued', 'in_progress') ORDER BY created_at LIMIT $2)"
        )
        removed = 0
        while touched := await self._database.write([Statement(sql, (root, SWEEP_BATCH), _PATIENCE)]):
            removed += touched
        return removed


class _Thread(Struct, frozen=True):
    root: str
    responses: int
    bytes: int
    used_at: int


def _excess(threads: Sequence[_Thread], limits: Limits, now: float) -> list[_Thread]:
    """The threads to remove: those too old, then the longest unused until the rest is within the limits."""
    responses = sum(thread.responses for thread in threads)
    size = sum(thread.bytes for thread in threads)
    excess = []
    for thread in threads:
        old = limits.max_age and thread.used_at < now - limits.max_age
        many = limits.max_responses and responses > limits.max_responses
        large = limits.max_bytes and size > limits.max_bytes
        if not (old or many or large):
            break
        excess.append(thread)
        responses -= thread.responses
        size -= thread.bytes
    return excess
