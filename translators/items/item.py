"""`Item`: one entry of `input` or of a stored history."""

from __future__ import annotations

from msgspec import Struct

from translators.messages import MessageBuilder
from translators.tools import ToolMap


class Item(Struct, kw_only=True):
    """Subclasses declare the fields they read; `replay` says what the item was in a Chat conversation."""

    id: str | None = None
    status: str | None = None

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        """Adds the item's pieces to `into`; `at` is its path. Raises InvalidRequest."""
        raise NotImplementedError
