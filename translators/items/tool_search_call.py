"""`tool_search_call`: the model's search for tools, which the client carries out."""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct

from translators.decode import compact, is_null
from translators.items.call_writer import HeldCallWriter
from translators.items.item import Item
from translators.messages.builder import MessageBuilder
from translators.messages.pieces import Call
from translators.schema.responses import NULL
from translators.tools import ToolMap
from translators.tools.repair import as_object


class ToolSearchCall(Item):
    """Without a `call_id` it is one that a server answered itself; its output follows by order."""

    call_id: str | None = None
    execution: str | None = None
    arguments: Raw = NULL

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        text, mended = as_object("" if is_null(self.arguments) else compact(self.arguments))
        if mended:
            into.report.changed(f"{at}.arguments", mended)
        call_id = self.call_id or self.id or into.unnamed_call()
        name = tools.chat_name("tool_search", kind="tool_search")
        into.add_call(Call(call_id, name, text, at, cut=self.status == "incomplete", item_id=self.id))


class OutputToolSearchCall(Struct, tag_field="type", tag="tool_search_call", frozen=True):
    id: str
    call_id: str
    execution: str
    status: str
    arguments: Any


class ToolSearchCallWriter(HeldCallWriter):
    @property
    def readable(self) -> bool:
        return not self.arguments_text.strip() or self.arguments_as(dict[str, Any]) is not None

    def snapshot(self, status: str) -> OutputToolSearchCall:
        return OutputToolSearchCall(self.id, self.call_id, "client", status, self.arguments_as(dict[str, Any]) or {})
