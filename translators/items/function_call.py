"""`function_call`: a call of a function tool, in history and from the model."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from translators.decode import is_json_object
from translators.emitter import Emitter
from translators.items.item import Item
from translators.items.writer import ItemWriter
from translators.messages import Call, MessageBuilder
from translators.schema import events
from translators.tools import ToolMap, ToolName


class FunctionCall(Item):
    call_id: str
    name: str
    arguments: str
    namespace: str | None = None

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        # Servers parse replayed arguments; a call without any has an empty object, not an empty text.
        arguments = self.arguments if self.arguments.strip() else "{}"
        name = tools.chat_name(self.name, self.namespace)
        into.add_call(Call(self.call_id, name, arguments, at, cut=self.status == "incomplete"))


class OutputFunctionCall(Struct, tag_field="type", tag="function_call", frozen=True):
    id: str
    call_id: str
    name: str
    arguments: str
    status: str
    namespace: str | UnsetType = UNSET


class FunctionCallWriter(ItemWriter):
    """Arguments pass through as they come; a call without any gets an empty object at its end."""

    def __init__(self, out: Emitter, index: int, item_id: str, call_id: str, name: ToolName) -> None:
        super().__init__(out, index, item_id)
        self.call_id = call_id
        self._name = name
        self._pieces: list[str] = []

    @property
    def arguments_text(self) -> str:
        return "".join(self._pieces)

    @property
    def whole(self) -> bool:
        """Whether the arguments are one JSON object, which no later text could continue."""
        return is_json_object(self.arguments_text)

    def arguments(self, delta: str) -> None:
        self._pieces.append(delta)
        self.out.emit(events.FunctionCallArgumentsDelta, self.id, self.index, delta)

    def close_parts(self) -> None:
        if not self._pieces:
            self.arguments("{}")
        self.out.emit(events.FunctionCallArgumentsDone, self.id, self.index, self._name.name, self.arguments_text)

    def cut(self) -> None:
        """Ends a call that is not whole without a `done`: clients run tools at that event."""
        self.final = self.snapshot("incomplete")

    def snapshot(self, status: str) -> OutputFunctionCall:
        return OutputFunctionCall(
            self.id, self.call_id, self._name.name, self.arguments_text, status, self._name.namespace or UNSET
        )
