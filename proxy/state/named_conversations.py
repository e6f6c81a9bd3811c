"""`store.conversations: always`: a stored response that belongs to no conversation gets one.

A response that goes on from another stays in that one's conversation where it is the next in it; where it is not, its
conversation begins with all that it goes on from. So whoever continues by the conversation and whoever continues by
`previous_response_id` continue the same.
"""

from __future__ import annotations

import msgspec

from proxy.callers import Caller
from proxy.ids import NewId, response_of
from proxy.state.conversation_locks import ConversationLocks
from proxy.state.history import Beginning, History
from proxy.store import Conversation, Page, Store
from translators.history.raw_items import item_id, with_id
from translators.ids import CONVERSATION

_LAST = Page(limit=1, descending=True)


async def name_conversation(
    past: History, caller: Caller, store: Store, locks: ConversationLocks, *, new_id: NewId, now: int
) -> History:
    """What a request goes on from, with its conversation.

    Raises InvalidRequest where the conversation that would go on is held by another response, and StoreError.
    """
    if past.conversation is not None:
        return past
    owner = past.owner or caller.owner
    going_on = None if past.parent is None else await _conversation_of(past.parent, owner, store)
    if going_on is not None:
        lock = await locks.take(owner, going_on)
        return msgspec.structs.replace(past, conversation=going_on, lock=lock)
    conversation = Conversation(id=new_id(CONVERSATION), owner=owner, created_at=now, metadata={})
    items = [with_id(raw, new_id) for raw in past.items]
    return msgspec.structs.replace(past, conversation=conversation.id, beginning=Beginning(conversation, items))


async def _conversation_of(response_id: str, owner: str, store: Store) -> str | None:
    """The conversation in which a response is the last, if there is one."""
    record = await store.get(owner, response_id)
    if record is None or record.conversation is None:
        return None
    if await store.conversation(owner, record.conversation) is None:
        return None
    last = await store.conversation_items(record.conversation, _LAST)
    said = [item_id(raw) for raw in last.items]
    return record.conversation if [response_of(name) for name in said if name] == [response_id] else None
