"""`tool_search_output`: the tools that a search found; they can be called from here on."""

from __future__ import annotations

from msgspec import Raw

from translators.items.item import Item
from translators.messages.builder import MessageBuilder
from translators.messages.pieces import Output
from translators.tools import Offering, ToolMap
from translators.tools.declare import declare_tools, tool_names

NOTHING_FOUND = "No tools were found."


class ToolSearchOutput(Item):
    acts = True
    call_id: str | None = None
    execution: str | None = None
    tools: list[Raw] | None = None

    def declare(self, into: Offering, at: str) -> None:
        """Offers what was found, whether or not it was deferred."""
        with into.loading():
            declare_tools(self.tools or [], into, f"{at}.tools")

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        names = [
            tools.chat_name(tool.name, tool.namespace, tool.kind)
            for tool in tool_names(self.tools or [], tools.forms, f"{at}.tools")
        ]
        text = "Found these tools, which can be called now: " + ", ".join(names) if names else NOTHING_FOUND
        into.add_output(Output(self.call_id, at, text, item_id=self.id))
