"""What continues what: which response or conversation a request goes on from, and with which items.

A response goes on from the input and the output of the one it names, and of all before that in its chain; a
conversation from all its items. Who sends a part of that once more has it only once (`leave_out_resent`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec
from msgspec import Raw, Struct

from translators.asking.parse import ParsedRequest
from translators.asking.read_items import decode_item, read_items
from translators.decode import decode_as, is_list, is_null, is_string
from translators.errors import InvalidRequest, bounded
from translators.history.raw_items import join_items, split_arrays, split_input
from translators.history.resent import resent
from translators.history.window import behind_compaction
from translators.items.item import Item
from translators.report import Report
from translators.schema.responses import NULL, ResponsesRequest

UNFINISHED = ("queued", "in_progress")
"""The statuses of a response that nothing can go on from yet."""


class ConversationNamed(Struct, frozen=True):
    """A request goes on from all items of this conversation."""

    id: str


class ResponseNamed(Struct, frozen=True):
    """A request goes on from this response."""

    id: str


class Link(Protocol):
    """One response of a chain, as those behind it see it. `input` and `output` are JSON arrays of items.

    `compacted` says that the output holds a compaction item, so that nothing before it is needed.
    """

    @property
    def status(self) -> str: ...

    @property
    def parent(self) -> str | None: ...

    @property
    def compacted(self) -> bool: ...

    @property
    def input(self) -> bytes: ...

    @property
    def output(self) -> bytes: ...


class _Named(Struct):
    id: str


def conversation_id(raw: Raw) -> str | None:
    """The conversation that a request names, as a string or an object. Raises InvalidRequest."""
    if is_null(raw):
        return None
    return decode_as(str, raw, "conversation") if is_string(raw) else decode_as(_Named, raw, "conversation").id


def goes_on(params: ResponsesRequest) -> bool:
    """Whether a request names anything that it goes on from, rightly or not."""
    conversation = params.conversation
    return params.previous_response_id is not None or (conversation is not NULL and not is_null(conversation))


def continued(params: ResponsesRequest) -> ConversationNamed | ResponseNamed | None:
    """What a request goes on from. Raises InvalidRequest where it names both, or no conversation."""
    conversation, previous = conversation_id(params.conversation), params.previous_response_id
    if previous is not None and conversation is not None:
        raise InvalidRequest(
            "'previous_response_id' and 'conversation' cannot be used together.",
            param="previous_response_id",
            code="mutually_exclusive_parameters",
        )
    if conversation is not None:
        return ConversationNamed(conversation)
    return None if previous is None else ResponseNamed(previous)


def check_ended(previous: str, chain: Sequence[Link]) -> None:
    """Raises InvalidRequest where the last response of a chain, which is `previous`, is still being made."""
    if chain[-1].status in UNFINISHED:
        raise InvalidRequest(
            f"Response '{previous}' is still {chain[-1].status}; wait until it has ended.",
            param="previous_response_id",
            code="response_not_completed",
        )


def chain_items(chain: Sequence[Link], *, whole: bool = True) -> list[Raw]:
    """The items of a chain, without the last output unless `whole`. Raises InvalidRequest where a turn is missing."""
    first = chain[0]
    if first.parent is not None and not first.compacted:
        raise previous_not_found(first.parent)
    arrays = [array for turn in chain for array in (turn.input, turn.output)]
    items = split_arrays(arrays if whole else arrays[:-1])
    return behind_compaction(items) if first.compacted and whole else items


def decoded(items: Sequence[Raw]) -> list[Item]:
    """The items of a history, read. What of them cannot be carried over was told when it first came."""
    if not items:
        return []
    report = Report()
    read = enumerate(read_items(Raw(join_items(items))))
    known = [decode_item(item, f"history[{at}]", report) if type(item) is Raw else item for at, item in read]
    return [item for item in known if item is not None]


def leave_out_resent(parsed: ParsedRequest, history: Sequence[Raw]) -> ParsedRequest:
    """The same request without the items of its input that the history holds already. Raises InvalidRequest."""
    if not history or not is_list(parsed.params.input):
        return parsed
    items = split_input(parsed.params.input)
    places = resent(history, items)
    if not places:
        return parsed
    left = [item for place, item in enumerate(items) if place not in places]
    params = msgspec.structs.replace(parsed.params, input=Raw(join_items(left)))
    return msgspec.structs.replace(parsed, params=params, resent=places)


def naming(parsed: ParsedRequest, conversation: str | None) -> ParsedRequest:
    """The request as if it had named this conversation, which the response then shows."""
    named = Raw(msgspec.json.encode(conversation))
    return msgspec.structs.replace(parsed, params=msgspec.structs.replace(parsed.params, conversation=named))


def previous_not_found(response_id: str) -> InvalidRequest:
    """The refusal of a request that goes on from a response that the caller does not have."""
    return InvalidRequest(
        f"Previous response with id '{bounded(response_id)}' not found.",
        param="previous_response_id",
        code="previous_response_not_found",
    )


def conversation_not_found(conversation: str, param: str | None = None) -> InvalidRequest:
    """The refusal, with 404, of what names a conversation that the caller does not have."""
    return InvalidRequest(f"Conversation with id '{bounded(conversation)}' not found.", status=404, param=param)
