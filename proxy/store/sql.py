"""`SqlStore`: the store over any database that speaks common SQL; `Database` is what differs.

Parameters are `$1`, `$2`, …, with a cast such as `$3::bytea` where PostgreSQL cannot infer the type.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
from msgspec import Raw, Struct

from proxy.store.records import Conversation, Limits, Listing, NewItem, Page, StoredResponse, Turn

SWEEP_BATCH = 200

Row = tuple[Any, ...]


class Statement(Struct, frozen=True):
    sql: str
    values: Row = ()


class Database(Protocol):
    """Raises StoreError for whatever goes wrong below it."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def read(self, statement: Statement) -> list[Row]: ...

    async def write(self, script: Sequence[Statement]) -> int:
        """Runs a script in one transaction, or nothing of it where its first statement touches no row.

        How many rows that first one touched.
        """


_COLUMNS = (
    "id, owner, status, created_at, parent, root, conversation, background, compacted, holder, lease_until,"
    " head, input, output"
)
_INSERT = (
    f"INSERT INTO responses ({_COLUMNS}, bytes) VALUES"
    " ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
)
_HELD = "id = $1 AND holder = $2 AND status IN ('queued', 'in_progress')"
_CHAIN = """
    WITH RECURSIVE chain (id, parent, compacted, depth) AS (
        SELECT id, parent, compacted, 0 FROM responses WHERE id = $1 AND owner = $2
        UNION ALL
        SELECT r.id, r.parent, r.compacted, chain.depth + 1
        FROM chain JOIN responses r ON r.id = chain.parent
        WHERE r.owner = $2 AND NOT chain.compacted
    )
    SELECT r.id, r.status, r.parent, r.root, r.compacted, r.input, r.output
    FROM chain JOIN responses r ON r.id = chain.id ORDER BY chain.depth DESC"""
# Taking the conversation's row first makes two appends stand one behind the other.
_USE = "UPDATE conversations SET updated_at = $2 WHERE id = $1"
_APPEND = """
    INSERT INTO conversation_items (conversation, position, id, json)
    SELECT $1::text, COALESCE((SELECT MAX(position) + 1 FROM conversation_items WHERE conversation = $1), 0),
        $2::text, $3::bytea
    WHERE EXISTS (SELECT 1 FROM conversations WHERE id = $1)"""
_BEHIND = """
    SELECT json FROM conversation_items WHERE conversation = $1 AND position {sign}
    (SELECT MAX(position) FROM conversation_items WHERE conversation = $1 AND id = $2)
    ORDER BY position {order} LIMIT $3"""
_FROM_START = "SELECT json FROM conversation_items WHERE conversation = $1 ORDER BY position {order} LIMIT $2"
_ALL = 1 << 40
_EVENTS = """
    SELECT e.first, e.frames FROM events e JOIN responses r ON r.id = e.response_id
    WHERE r.id = $1 AND r.owner = $2
    AND e.first >= COALESCE((SELECT MAX(first) FROM events WHERE response_id = $1 AND first <= $3), 0)
    ORDER BY e.first"""
_INSERT_EVENTS = "INSERT INTO events (response_id, first, frames) VALUES ($1, $2, $3)"
_THREADS = "SELECT root, COUNT(*), SUM(bytes), MAX(created_at) FROM responses GROUP BY root ORDER BY MAX(created_at)"


class SqlStore:
    """Implements `Store`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self) -> None:
        await self._database.open()

    async def close(self) -> None:
        await self._database.close()

    # --- responses -------------------------------------------------------------------------------

    async def put(
        self, record: StoredResponse, named: Sequence[str] = (), appended: Sequence[NewItem] = (), events: bytes = b""
    ) -> None:
        script = [Statement(_INSERT, (*_values(record), record.size))]
        if events:
            script.append(Statement(_INSERT_EVENTS, (record.id, 0, events)))
        await self._database.write([*script, *_attached(record, named, appended)])

    async def get(self, owner: str, response_id: str) -> StoredResponse | None:
        rows = await self._read(f"SELECT {_COLUMNS} FROM responses WHERE id = $1 AND owner = $2", response_id, owner)
        return _record(rows[0]) if rows else None

    async def delete(self, owner: str, response_id: str) -> bool:
        return await self._write("DELETE FROM responses WHERE id = $1 AND owner = $2", response_id, owner)

    async def chain(self, owner: str, response_id: str) -> list[Turn]:
        rows = await self._read(_CHAIN, response_id, owner)
        return [
            Turn(id_, status, parent, root, bool(compacted), bytes(input_), bytes(output))
            for id_, status, parent, root, compacted, input_, output in rows
        ]

    async def find_items(self, owner: str, ids: Sequence[str]) -> dict[str, Raw]:
        places = ", ".join(f"${number}" for number in range(2, len(ids) + 2))
        kept = await self._read(
            "SELECT DISTINCT r.id, r.input, r.output FROM response_items i JOIN responses r ON r.id = i.response_id"
            f" WHERE r.owner = $1 AND i.id IN ({places})",
            owner,
            *ids,
        )
        told = await self._read(
            "SELECT i.json FROM conversation_items i JOIN conversations c ON c.id = i.conversation"
            f" WHERE c.owner = $1 AND i.id IN ({places})",
            owner,
            *ids,
        )
        candidates = [Raw(bytes(row[0])) for row in told]
        for _, input_, output in kept:
            candidates += _ITEMS.decode(input_) + _ITEMS.decode(output)
        wanted = set(ids)
        named = ((_ID.decode(raw).id, raw) for raw in candidates)
        return {id_: raw.copy() for id_, raw in named if id_ in wanted}

    # --- background ------------------------------------------------------------------------------

    async def append_events(self, response_id: str, holder: str, first: int, frames: bytes, until: float) -> bool:
        held = Statement(f"UPDATE responses SET lease_until = $3 WHERE {_HELD}", (response_id, holder, until))
        script = [held, Statement(_INSERT_EVENTS, (response_id, first, frames))] if frames else [held]
        return await self._database.write(script) > 0

    async def events(self, owner: str, response_id: str, after: int) -> list[tuple[int, bytes]]:
        rows = await self._read(_EVENTS, response_id, owner, after + 1)
        return [(first, bytes(frames)) for first, frames in rows]

    async def update(
        self,
        record: StoredResponse,
        holder: str,
        *,
        named: Sequence[str] = (),
        appended: Sequence[NewItem] = (),
        first: int = 0,
        frames: bytes = b"",
    ) -> bool:
        sql = (
            "UPDATE responses SET status = $3, compacted = $4, lease_until = $5, bytes = $6, head = $7, output = $8"
            f" WHERE {_HELD}"
        )
        values = (record.status, record.compacted, record.lease_until, record.size, record.head, record.output)
        script = [Statement(sql, (record.id, holder, *values))]
        if frames:
            script.append(Statement(_INSERT_EVENTS, (record.id, first, frames)))
        return await self._database.write([*script, *_attached(record, named, appended)]) > 0

    async def end(
        self, record: StoredResponse, *, expired_at: float | None = None, first: int = 0, frames: bytes = b""
    ) -> bool:
        sql = (
            "UPDATE responses SET status = $2, head = $3, lease_until = NULL, holder = NULL"
            " WHERE id = $1 AND status IN ('queued', 'in_progress')"
        )
        values: Row = (record.id, record.status, record.head)
        if expired_at is not None:
            sql, values = f"{sql} AND lease_until < $4", (*values, expired_at)
        script = [Statement(sql, values)]
        if frames:
            script.append(Statement(_INSERT_EVENTS, (record.id, first, frames)))
        return await self._database.write(script) > 0

    async def expired(self, now: float) -> list[StoredResponse]:
        rows = await self._read(f"SELECT {_COLUMNS} FROM responses WHERE lease_until < $1", now)
        return [_record(row) for row in rows]

    # --- conversations ---------------------------------------------------------------------------

    async def create_conversation(self, conversation: Conversation, items: Sequence[NewItem]) -> None:
        metadata = msgspec.json.encode(conversation.metadata).decode()
        values = (conversation.id, conversation.owner, conversation.created_at, metadata)
        sql = "INSERT INTO conversations (id, owner, created_at, updated_at, metadata) VALUES ($1, $2, $3, $3, $4)"
        inserts = [_insert_item(conversation.id, item) for item in items]
        await self._database.write([Statement(sql, values), *inserts])

    async def conversation(self, owner: str, conversation_id: str) -> Conversation | None:
        sql = "SELECT created_at, metadata FROM conversations WHERE id = $1 AND owner = $2"
        rows = await self._read(sql, conversation_id, owner)
        if not rows:
            return None
        metadata = msgspec.json.decode(rows[0][1], type=dict[str, str])
        return Conversation(id=conversation_id, owner=owner, created_at=rows[0][0], metadata=metadata)

    async def set_metadata(self, owner: str, conversation_id: str, metadata: dict[str, str]) -> bool:
        sql = "UPDATE conversations SET metadata = $3 WHERE id = $1 AND owner = $2"
        return await self._write(sql, conversation_id, owner, msgspec.json.encode(metadata).decode())

    async def delete_conversation(self, owner: str, conversation_id: str) -> bool:
        return await self._write("DELETE FROM conversations WHERE id = $1 AND owner = $2", conversation_id, owner)

    async def append_items(self, conversation_id: str, items: Sequence[NewItem], now: int) -> None:
        inserts = [_insert_item(conversation_id, item) for item in items]
        await self._database.write([Statement(_USE, (conversation_id, now)), *inserts])

    async def conversation_items(self, conversation_id: str, page: Page | None = None) -> Listing:
        if page is None:
            rows = await self._read(_FROM_START.format(order="ASC"), conversation_id, _ALL)
            return Listing([Raw(bytes(row[0])) for row in rows], more=False)
        order, sign = ("DESC", "<") if page.descending else ("ASC", ">")
        limit = page.limit + 1
        if page.after is None:
            rows = await self._read(_FROM_START.format(order=order), conversation_id, limit)
        else:
            rows = await self._read(_BEHIND.format(order=order, sign=sign), conversation_id, page.after, limit)
        return Listing([Raw(bytes(row[0])) for row in rows[: page.limit]], more=len(rows) > page.limit)

    async def conversation_item(self, conversation_id: str, item_id: str) -> Raw | None:
        sql = "SELECT json FROM conversation_items WHERE conversation = $1 AND id = $2"
        rows = await self._read(sql, conversation_id, item_id)
        return Raw(bytes(rows[0][0])) if rows else None

    async def delete_item(self, conversation_id: str, item_id: str) -> bool:
        sql = "DELETE FROM conversation_items WHERE conversation = $1 AND id = $2"
        return await self._write(sql, conversation_id, item_id)

    # --- retention -------------------------------------------------------------------------------

    async def sweep(self, limits: Limits, now: float) -> int:
        if limits.max_conversation_age:
            sql = (
                "DELETE FROM conversations WHERE id IN"
                " (SELECT id FROM conversations WHERE updated_at < $1 ORDER BY updated_at LIMIT $2)"
            )
            while await self._database.write([Statement(sql, (int(now - limits.max_conversation_age), SWEEP_BATCH))]):
                pass
        if not (limits.max_age or limits.max_responses or limits.max_bytes):
            return 0
        threads = [
            _Thread(root, int(count), int(size), used_at) for root, count, size, used_at in await self._read(_THREADS)
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
        while touched := await self._database.write([Statement(sql, (root, SWEEP_BATCH))]):
            removed += touched
        return removed

    async def _read(self, sql: str, *values: Any) -> list[Row]:
        return await self._database.read(Statement(sql, values))

    async def _write(self, sql: str, *values: Any) -> bool:
        return await self._database.write([Statement(sql, values)]) > 0


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


class _WithId(Struct):
    id: str | None = None


_ITEMS = msgspec.json.Decoder(list[Raw])
_ID = msgspec.json.Decoder(_WithId)


def _values(record: StoredResponse) -> Row:
    return (
        record.id,
        record.owner,
        record.status,
        record.created_at,
        record.parent,
        record.root,
        record.conversation,
        record.background,
        record.compacted,
        record.holder,
        record.lease_until,
        record.head,
        record.input,
        record.output,
    )


def _record(row: Row) -> StoredResponse:
    return StoredResponse(
        id=row[0],
        owner=row[1],
        status=row[2],
        created_at=row[3],
        parent=row[4],
        root=row[5],
        conversation=row[6],
        background=bool(row[7]),
        compacted=bool(row[8]),
        holder=row[9],
        lease_until=row[10],
        head=bytes(row[11]),
        input=bytes(row[12]),
        output=bytes(row[13]),
    )


def _attached(record: StoredResponse, named: Sequence[str], appended: Sequence[NewItem]) -> list[Statement]:
    """What goes with a response: the ids of its items, and those that its conversation gains."""
    sql = "INSERT INTO response_items (id, response_id) VALUES ($1, $2)"
    script = [Statement(sql, (id_, record.id)) for id_ in dict.fromkeys(named)]
    if record.conversation is not None and appended:
        script.append(Statement(_USE, (record.conversation, record.created_at)))
        script += [_insert_item(record.conversation, item) for item in appended]
    return script


def _insert_item(conversation_id: str, item: NewItem) -> Statement:
    return Statement(_APPEND, (conversation_id, item.id, item.json))
