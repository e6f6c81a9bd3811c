"""What a request stands on: `recall` gives the items before its input, and the input with its references resolved.

The rules stand in `translators.history`; here is what they ask of the store, of whose the thing is, and of the lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Raw, Struct

from proxy.callers import Caller, first_found
from proxy.state.conversation_locks import ConversationLock, ConversationLocks
from proxy.store import Conversation, Store
from translators.asking.parse import ParsedRequest
from translators.history.continuation import (
    ConversationNamed,
    chain_items,
    check_ended,
    continued,
    conversation_not_found,
    decoded,
    previous_not_found,
)
from translators.history.raw_items import NewItem
from translators.history.references import by_id, check_count, missing, resolved
from translators.items.item import Item
from translators.schema.responses import ResponsesRequest


class Beginning(Struct, frozen=True):
    """A conversation that has to be there, with these items, when the response that names it is stored."""

    conversation: Conversation
    items: Sequence[NewItem]


class History(Struct, frozen=True):
    """`items` come before the input, oldest first; `parent` and `root` place the response in its thread.

    `owner` is whose the thread is, where it was found in the store: a thread stays with the owner that began it.
    """

    items: Sequence[Raw] = ()
    parent: str | None = None
    root: str | None = None
    conversation: str | None = None
    beginning: Beginning | None = None
    lock: ConversationLock | None = None
    owner: str | None = None

    def decoded(self) -> list[Item]:
        """Its items, read."""
        return decoded(self.items)


NO_HISTORY = History()


class ConnectionMemory(Struct, frozen=True):
    """The last response of a connection: all its items, whether it was stored or not."""

    response_id: str
    root: str
    items: Sequence[Raw]
    owner: str


async def recall(
    params: ResponsesRequest,
    store: Store,
    caller: Caller,
    remembered: ConnectionMemory | None = None,
    locks: ConversationLocks | None = None,
) -> History:
    """Loads what a request goes on from; with `locks` its conversation is held from here on.

    Raises InvalidRequest for what is not known, not to be used together, or held by another response.
    """
    named = continued(params)
    if named is None:
        return NO_HISTORY
    if isinstance(named, ConversationNamed):
        return await _of_conversation(named.id, store, caller, locks)
    if remembered is not None and remembered.response_id == named.id:
        return History(remembered.items, named.id, remembered.root, owner=remembered.owner)
    for owner in caller.owners:
        if chain := await store.chain(owner, named.id):
            check_ended(named.id, chain)
            return History(chain_items(chain), named.id, chain[-1].root, owner=owner)
    raise previous_not_found(named.id)


async def _of_conversation(conversation: str, store: Store, caller: Caller, locks: ConversationLocks | None) -> History:
    found = await first_found(caller, lambda owner: store.conversation(owner, conversation))
    if found is None:
        raise conversation_not_found(conversation, param="conversation")
    lock = None if locks is None else await locks.take(found.owner, conversation)
    try:
        listing = await store.conversation_items(conversation)
    except BaseException:
        if lock is not None:
            await lock.release()
        raise
    return History(listing.items, conversation=conversation, owner=found.owner, lock=lock)


async def resolve_references(
    parsed: ParsedRequest, wanted: Mapping[int, str], store: Store, caller: Caller, past: History, limit: int
) -> ParsedRequest:
    """The same request with stored items in the place of the references to them.

    Raises InvalidRequest for one that is not known, and for more than `limit`, which is `store.max_references`.
    """
    check_count(wanted, limit)
    found = by_id(past.items)
    for owner in caller.owners:
        if ids := missing(wanted, found):
            found |= await store.find_items(owner, ids)
    return resolved(parsed, wanted, found)
