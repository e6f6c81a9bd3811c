"""`item_reference`: an item named by its id, which only a store of items could look up.

The AI SDK sends it for whatever it believes to be stored (vercel/ai#10290).
"""

from __future__ import annotations

from translators.errors import InvalidRequest, bounded
from translators.items.item import Item
from translators.messages.builder import MessageBuilder
from translators.tools import ToolMap


class ItemReference(Item):
    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        raise InvalidRequest(
            f"Item with id '{bounded(self.id)}' not found. Items are not stored here: send them in full "
            "(clients do so when 'store' is false).",
            param=f"{at}.id",
            code="item_not_found",
        )
