"""What a request stands on: `recall` gives the items before its input, and the input with its references resolved.

A response goes on from the input and the output of the one it names; a conversation from all its items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw, Struct

from proxy.inbound.access import Caller, first_found
from proxy.state.conversation_locks import ConversationLock, ConversationLocks
from proxy.state.items import item_id, join_items, split_arrays, split_input
from proxy.store import ACTIVE, Conversation, Store, Turn
from proxy.store.records import NewItem
from translators.answering.response import conversation_id
from translators.asking.read_items import decode_item, read_items
from translators.asking.translate import ParsedRequest
from translators.decode import is_list, is_null
from translators.errors import InvalidRequest, bounded
from translators.history.outline import outline_of
from translators.history.resent import resent
from translators.items.item import Item
from translators.report import Report
from translators.schema.responses import ResponsesRequest

# One item may be referred to any number of times: a small request would become one of many gigabytes. No model takes
# as much as this.
MAX_REFERRED_BYTES = 64 << 20


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
        """What could not be carried over was told when it first came."""
        if not self.items:
            return []
        report = Report()
        read = enumerate(read_items(Raw(join_items(self.items))))
        items = [decode_item(item, f"history[{at}]", report) if type(item) is Raw else item for at, item in read]
        return [item for item in items if item is not None]


NO_HISTORY = History()


class ConnectionMemory(Struct, frozen=True):
    """The last response of a connection: all its items, whether it was stored or not."""

    response_id: str
    root: str
    items: Sequence[Raw]
    owner: str


def goes_on(params: ResponsesRequest) -> bool:
    return params.previous_response_id is not None or not is_null(params.conversation)


async def recall(
    params: ResponsesRequest,
    store: Store,
    caller: Caller,
    remembered: ConnectionMemory | None = None,
    locks: ConversationLocks | None = None,
) -> History:
    """Of a request that goes on; with `locks` its conversation is held from here on.

    Raises InvalidRequest for what is not known, not to be used together, or held by another response.
    """
    conversation = conversation_id(params.conversation)
    previous = params.previous_response_id
    if previous is not None and conversation is not None:
        raise InvalidRequest(
            "'previous_response_id' and 'conversation' cannot be used together.",
            param="previous_response_id",
            code="mutually_exclusive_parameters",
        )
    if conversation is not None:
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
    assert previous is not None
    if remembered is not None and remembered.response_id == previous:
        return History(remembered.items, previous, remembered.root, owner=remembered.owner)
    for owner in caller.owners:
        if chain := await store.chain(owner, previous):
            return _past_of(previous, chain, owner)
    raise previous_not_found(previous)


def _past_of(previous: str, chain: Sequence[Turn], owner: str) -> History:
    if chain[-1].status in ACTIVE:
        raise InvalidRequest(
            f"Response '{previous}' is still {chain[-1].status}; wait until it has ended.",
            param="previous_response_id",
            code="response_not_completed",
        )
    return History(chain_items(chain), previous, chain[-1].root, owner=owner)


def chain_items(chain: Sequence[Turn], *, whole: bool = True) -> list[Raw]:
    """The items of a chain, without the last output unless `whole`. Raises InvalidRequest where a turn is missing."""
    first = chain[0]
    if first.parent is not None and not first.compacted:
        raise previous_not_found(first.parent)
    arrays = [array for turn in chain for array in (turn.input, turn.output)]
    items = split_arrays(arrays if whole else arrays[:-1])
    return behind_compaction(items) if first.compacted and whole else items


def behind_compaction(items: list[Raw]) -> list[Raw]:
    """From the last compaction item on: it stands for what was before it."""
    for index in range(len(items) - 1, -1, -1):
        if outline_of(items[index]).type == "compaction":
            return items[index:]
    return items


def references(items: Sequence[Item | Raw]) -> dict[int, str]:
    """The ids of the items that others refer to, by the place of the reference."""
    if Raw not in map(type, items):  # no reference is among those that have been read
        return {}
    return {
        index: id_ for index, item in enumerate(items) if type(item) is Raw and (id_ := _referred(item)) is not None
    }


async def resolve_references(
    parsed: ParsedRequest, wanted: Mapping[int, str], store: Store, caller: Caller, past: History, limit: int
) -> ParsedRequest:
    """The same request with stored items in the place of the references to them.

    Raises InvalidRequest for one that is not known, and for more than `limit`, which is `store.max_references`.
    """
    if len(wanted) > limit:
        raise InvalidRequest(
            f"'input' refers to {len(wanted)} items, and {limit} are allowed (store.max_references).",
            param="input",
            code="too_many_references",
        )
    items = split_input(parsed.params.input)
    found = {item_id(raw): raw for raw in past.items}
    for owner in caller.owners:
        if missing := [id_ for id_ in wanted.values() if id_ not in found]:
            found |= await store.find_items(owner, missing)
    for index, id_ in wanted.items():
        if id_ not in found:
            raise InvalidRequest(
                f"Item with id '{bounded(id_)}' not found. "
                "Items are not kept when 'store' is false: send them in full.",
                param=f"input[{index}].id",
                code="item_not_found",
            )
        items[index] = found[id_]
    if sum(map(len, items)) > MAX_REFERRED_BYTES:
        raise InvalidRequest(
            f"The items that 'input' refers to are longer than {MAX_REFERRED_BYTES} bytes together.",
            param="input",
            code="context_length_exceeded",
        )
    params = msgspec.structs.replace(parsed.params, input=Raw(msgspec.json.encode(items)))
    return msgspec.structs.replace(ParsedRequest.of(params), unknown=parsed.unknown)


def leave_out_resent(parsed: ParsedRequest, past: History) -> ParsedRequest:
    """The same request without the items of its input that `past` holds already. Raises InvalidRequest."""
    if not past.items or not is_list(parsed.params.input):
        return parsed
    items = split_input(parsed.params.input)
    places = resent(past.items, items)
    if not places:
        return parsed
    left = [item for place, item in enumerate(items) if place not in places]
    params = msgspec.structs.replace(parsed.params, input=Raw(join_items(left)))
    return msgspec.structs.replace(parsed, params=params, resent=places)


def _referred(raw: Raw) -> str | None:
    item = outline_of(raw)
    refers = item.type == "item_reference" or (item.type is None and item.role is None)
    return item.id if refers else None


def previous_not_found(response_id: str) -> InvalidRequest:
    return InvalidRequest(
        f"Previous response with id '{bounded(response_id)}' not found.",
        param="previous_response_id",
        code="previous_response_not_found",
    )


def conversation_not_found(conversation: str, param: str | None = None) -> InvalidRequest:
    return InvalidRequest(f"Conversation with id '{bounded(conversation)}' not found.", status=404, param=param)
