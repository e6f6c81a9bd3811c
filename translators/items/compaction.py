"""`compaction`: an earlier part of the conversation, summarised and sealed by whoever made the item."""

from __future__ import annotations

from translators.items.item import Item
from translators.messages import Instruction, MessageBuilder
from translators.tools import ToolMap

UNREADABLE = (
    "[An earlier part of this conversation was summarised by another provider in a form that cannot be read here. "
    "Ask the user for what you need to know of it.]"
)


class Compaction(Item):
    """A foreign seal cannot be opened: the model is told so, since a refusal would end the session for good."""

    encrypted_content: str | None = None

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        into.report.dropped(f"{at}.encrypted_content", "it was not made here and cannot be read")
        into.add(Instruction(UNREADABLE, "developer"))
