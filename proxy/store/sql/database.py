"""`Database`: what a database has to do, and `Tables`, what every part of the store over one begins with.

Parameters are `$1`, `$2`, …, with a cast such as `$3::bytea` where PostgreSQL cannot infer the type.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

Row = tuple[Any, ...]


class Statement(Struct, frozen=True):
    sql: str
    values: Row = ()


class Database(Protocol):
    """Raises StoreError for whatever goes wrong below it."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def inspect(self) -> None:
        """Looks for damage that no statement would meet; bounded work."""

    async def read(self, statement: Statement) -> list[Row]: ...

    async def write(self, script: Sequence[Statement]) -> int:
        """Runs a script in one transaction, or nothing of it where its first statement touches no row.

        How many rows that first one touched.
        """


class Tables:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def _read(self, sql: str, *values: Any) -> list[Row]:
        return await self._database.read(Statement(sql, values))

    async def _write(self, sql: str, *values: Any) -> bool:
        return await self._database.write([Statement(sql, values)]) > 0


def places(count: int, *, after: int) -> str:
    """So many parameters for an `IN`, behind those up to number `after`."""
    return ", ".join(f"${number}" for number in range(after + 1, after + count + 1))
