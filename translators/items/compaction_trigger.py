"""`compaction_trigger`: asks for one `compaction` item in place of an answer."""

from __future__ import annotations

from translators.errors import InvalidRequest
from translators.items.item import Item
from translators.messages import MessageBuilder
from translators.tools import ToolMap


class CompactionTrigger(Item):
    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        raise InvalidRequest(
            "'compaction_trigger' is not supported: conversations are not compacted here.",
            param=at,
            code="unsupported_parameter",
        )
