"""`Database`: what a database has to do, and `Tables`, what every part of the store over one begins with.

Parameters are `$1`, `$2`, …, with a cast such as `$3::bytea` where PostgreSQL cannot infer the type. A list is one
parameter, as in `id = ANY($2::text[])`: no text of a statement grows with a count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

Row = tuple[Any, ...]


class Statement(Struct, frozen=True):
    """`patience` is how many times the usual limit of time one may take that looks at many rows.

    `size` is about how many bytes it writes, where that has been counted already.
    """

    sql: str
    values: Row = ()
    patience: float = 1.0
    size: int | None = None


class Database(Protocol):
    """Raises StoreError for whatever goes wrong below it."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def inspect(self) -> None:
        """Looks for damage that no statement would meet; bounded work."""

    async def read(self, statement: Statement) -> list[Row]: ...

    async def write(self, script: Sequence[Statement], done: Statement | None = None) -> int:
        """Runs a script in one transaction, or nothing of it where its first statement touches no row.

        How many rows that first one touched. `done` reads a row where the script has been carried out already: a
        database that lost its connection in the middle of a commit may ask, and try again.
        """


class Tables:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def _read(self, sql: str, *values: Any) -> list[Row]:
        if any(map(_is_nowhere, values)):
            return []
        return await self._database.read(Statement(sql, values))

    async def _write(self, sql: str, *values: Any) -> bool:
        """Of a statement that changes what is there already: whether it was."""
        if any(map(_is_nowhere, values)):
            return False
        return await self._database.write([Statement(sql, values)]) > 0


def _is_nowhere(value: Any) -> bool:
    """Text that no row holds: PostgreSQL takes no NUL, and neither takes half a surrogate."""
    return type(value) is str and not is_storable(value)


def is_storable(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
