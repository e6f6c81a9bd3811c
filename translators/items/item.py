"""`Item`: one entry of `input` or of a stored history."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Raw, Struct

from translators.messages.builder import MessageBuilder
from translators.schema.responses import ResponsesRequest
from translators.tools import Offering, ToolMap


class Item(Struct, kw_only=True, gc=False):
    """Subclasses declare the fields they read; `replay` says what the item was in a Chat conversation.

    Items, like the parts, pieces and messages made of them, are never in a cycle: the collector may leave out
    the thousands that a long history has.
    """

    id: str | None = None
    status: str | None = None

    # Whether it does more than speak: only then are `declare`, `brings_search` and `configure` asked.
    acts: ClassVar[bool] = False
    # Whether decoding looks into all of it: only where it does not is `unread` asked.
    is_read: ClassVar[bool] = True

    @property
    def unread(self) -> Raw | None:
        """What of it may be nested deeply, since decoding has not looked into it."""
        return None

    def declare(self, into: Offering, at: str) -> None:
        """Offers the tools that the item brings; called for every item before any is replayed."""

    def brings_search(self, into: Offering, at: str) -> bool:
        """Tells whether the item declares a search for tools that the client carries out."""
        return False

    def configure(self, params: ResponsesRequest) -> ResponsesRequest:
        """Returns the parameters as they are from this item on."""
        return params

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        """Adds the item's pieces to `into`; `at` is its path. Raises InvalidRequest."""
        raise NotImplementedError


class LocatedItem(Struct, frozen=True, gc=False):
    """An item and its path in the request."""

    item: Item
    at: str
