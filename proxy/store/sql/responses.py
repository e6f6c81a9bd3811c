"""The part of the store that is responses, the events of their streams, and the items that are found by their ids."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from proxy.ids import response_of
from proxy.store.records import StoredResponse, Turn
from proxy.store.sql.conversations import append
from proxy.store.sql.database import Row, Statement, Tables, is_storable
from translators.history.outline import outline_of
from translators.history.raw_items import NewItem

_FIELDS = StoredResponse.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_INSERT = f"INSERT INTO responses ({_COLUMNS}, bytes) VALUES ({', '.join(f'${n}' for n in range(1, len(_FIELDS) + 2))})"
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
_EVENTS = """
    SELECT e.first, e.frames FROM events e JOIN responses r ON r.id = e.response_id
    WHERE r.id = $1 AND r.owner = $2
    AND e.first >= COALESCE((SELECT MAX(first) FROM events WHERE response_id = $1 AND first <= $3), 0)
    ORDER BY e.first"""
# Of each response at most once, however many of its items are asked for; the rows are large.
_BY_NAMED_ITEM = """
    SELECT input, output FROM responses WHERE owner = $1
    AND id IN (SELECT response_id FROM response_items WHERE id = ANY($2::text[]))"""
_ENDED = """
    SELECT input, output FROM responses WHERE owner = $1
    AND status NOT IN ('queued', 'in_progress') AND id = ANY($2::text[])"""
_TOLD = """
    SELECT i.json FROM conversation_items i JOIN conversations c ON c.id = i.conversation
    WHERE c.owner = $1 AND i.id = ANY($2::text[])"""
# Others have their turn between two batches.
_BATCH = 200
_IS_THERE = "SELECT 1 FROM responses WHERE id = $1"
_INSERT_EVENTS = "INSERT INTO events (response_id, first, frames) VALUES ($1, $2, $3)"


class SqlResponses(Tables):
    async def put(
        self, record: StoredResponse, named: Sequence[str] = (), appended: Sequence[NewItem] = (), events: bytes = b""
    ) -> None:
        size = record.size
        script = [Statement(_INSERT, (*msgspec.structs.astuple(record), size), size=size)]
        if events:
            script.append(Statement(_INSERT_EVENTS, (record.id, 0, events)))
        if named or appended:
            script += _attached(record, named, appended)
        await self._database.write(script, Statement(_IS_THERE, (record.id,)))

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
        wanted = [id_ for id_ in dict.fromkeys(ids) if is_storable(id_)]
        found: dict[str, Raw] = {}
        for start in range(0, len(wanted), _BATCH):
            found |= await self._find_some(owner, wanted[start : start + _BATCH])
        return found

    async def _find_some(self, owner: str, ids: Sequence[str]) -> dict[str, Raw]:
        made_here = {response for id_ in ids if (response := response_of(id_)) is not None}
        kept = await self._read(_BY_NAMED_ITEM, owner, ids)
        if made_here:
            kept += await self._read(_ENDED, owner, list(made_here))
        told = await self._read(_TOLD, owner, ids)
        candidates = [Raw(bytes(row[0])) for row in told]
        for input_, output in kept:
            candidates += _ITEMS.decode(input_) + _ITEMS.decode(output)
        wanted = set(ids)
        named = ((outline_of(raw).id, raw) for raw in candidates)
        return {id_: raw.copy() for id_, raw in named if id_ in wanted}

    # --- background ------------------------------------------------------------------------------

    async def append_events(self, response_id: str, holder: str, first: int, frames: bytes, until: float) -> bool:
        held = Statement(f"UPDATE responses SET lease_until = $3 WHERE {_HELD}", (response_id, holder, until))
        if not frames:
            return await self._database.write([held]) > 0
        done = Statement("SELECT 1 FROM events WHERE response_id = $1 AND first = $2", (response_id, first))
        return await self._database.write([held, Statement(_INSERT_EVENTS, (response_id, first, frames))], done) > 0

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
        done = Statement(
            "SELECT 1 FROM responses WHERE id = $1 AND holder = $2 AND status = $3 AND head = $4",
            (record.id, holder, record.status, record.head),
        )
        return await self._database.write([*script, *_attached(record, named, appended)], done) > 0

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


_ITEMS = msgspec.json.Decoder(list[Raw])


def _record(row: Row) -> StoredResponse:
    """Of a row of `_COLUMNS`; SQLite has numbers for what is true or false."""
    fields = dict(zip(_FIELDS, row, strict=True))
    fields |= {name: bool(fields[name]) for name in ("background", "compacted")}
    fields |= {name: bytes(fields[name]) for name in ("head", "input", "output")}
    return StoredResponse(**fields)


def _attached(record: StoredResponse, named: Sequence[str], appended: Sequence[NewItem]) -> list[Statement]:
    """What goes with a response: the ids of its items, and those that its conversation gains."""
    sql = "INSERT INTO response_items (id, response_id) VALUES ($1, $2)"
    script = [Statement(sql, (id_, record.id)) for id_ in dict.fromkeys(named)]
    if record.conversation is not None and appended:
        script += append(record.conversation, appended, record.created_at)
    return script
