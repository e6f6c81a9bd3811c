"""The part of the store that is conversations and their items."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from proxy.store.records import Conversation, Listing, Page
from proxy.store.sql.database import Statement, Tables
from translators.history.raw_items import NewItem

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


class SqlConversations(Tables):
    async def create_conversation(self, conversation: Conversation, items: Sequence[NewItem]) -> None:
        metadata = msgspec.json.encode(conversation.metadata).decode()
        values = (conversation.id, conversation.owner, conversation.created_at, metadata)
        sql = "INSERT INTO conversations (id, owner, created_at, updated_at, metadata) VALUES ($1, $2, $3, $3, $4)"
        script = [Statement(sql, values), *(_insert(conversation.id, item) for item in items)]
        await self._database.write(script, Statement("SELECT 1 FROM conversations WHERE id = $1", (conversation.id,)))

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

    async def hold_conversation(self, owner: str, conversation_id: str, holder: str, now: float, until: float) -> bool:
        sql = (
            "UPDATE conversations SET holder = $3, lease_until = $5 WHERE id = $1 AND owner = $2"
            " AND (holder IS NULL OR lease_until < $4)"
        )
        done = Statement("SELECT 1 FROM conversations WHERE id = $1 AND holder = $2", (conversation_id, holder))
        script = [Statement(sql, (conversation_id, owner, holder, now, until))]
        return await self._database.write(script, done) > 0

    async def renew_conversation(self, conversation_id: str, holder: str, until: float) -> bool:
        sql = "UPDATE conversations SET lease_until = $3 WHERE id = $1 AND holder = $2"
        return await self._write(sql, conversation_id, holder, until)

    async def free_conversation(self, conversation_id: str, holder: str) -> bool:
        sql = "UPDATE conversations SET holder = NULL, lease_until = NULL WHERE id = $1 AND holder = $2"
        return await self._write(sql, conversation_id, holder)

    async def append_items(self, conversation_id: str, items: Sequence[NewItem], now: int) -> None:
        await self._database.write(append(conversation_id, items, now))

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


def append(conversation_id: str, items: Sequence[NewItem], now: int) -> list[Statement]:
    """What adds items to a conversation; it does nothing where there is none."""
    return [Statement(_USE, (conversation_id, now)), *(_insert(conversation_id, item) for item in items)]


def _insert(conversation_id: str, item: NewItem) -> Statement:
    return Statement(_APPEND, (conversation_id, item.id, item.json))
