"""`additional_tools`: tools that come as an item of the input; no message is made of it.

Codex sends all of its tools so from 0.144 on (SaladDay/cc-switch-cli#466).
"""

from __future__ import annotations

from msgspec import Raw

from translators.items.item import Item
from translators.messages.builder import MessageBuilder
from translators.tools import Offering, ToolMap
from translators.tools.declare import declare_tools, has_client_search


class AdditionalTools(Item):
    acts = True
    role: str | None = None
    tools: list[Raw] | None = None

    def brings_search(self, into: Offering, at: str) -> bool:
        return has_client_search(self.tools or [], into.tools.forms, f"{at}.tools")

    def declare(self, into: Offering, at: str) -> None:
        declare_tools(self.tools or [], into, f"{at}.tools")

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        """Adds nothing: what there is to say was said when the tools were declared."""
