"""`custom_tool_call`: a call whose input is raw text, in history and from the model."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Struct, UnsetType

from translators.emitter import Emitter
from translators.items.call_writer import CallWriter
from translators.items.item import Item
from translators.long_text import AnyText, as_long, joined
from translators.messages.builder import MessageBuilder
from translators.messages.pieces import Call
from translators.schema import events
from translators.tools import Grammar, InputCheck, ToolMap, ToolName
from translators.tools.unwrap import InputReader, readings


class _Wrapped(Struct):
    input: str


class CustomToolCall(Item):
    call_id: str
    name: str
    input: str
    namespace: str | None = None

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        arguments = msgspec.json.encode(_Wrapped(self.input)).decode()
        name = tools.chat_name(self.name, self.namespace, "custom")
        into.add_call(Call(self.call_id, name, arguments, at, cut=self.status == "incomplete", item_id=self.id))


class OutputCustomToolCall(Struct, tag_field="type", tag="custom_tool_call", frozen=True):
    id: str
    call_id: str
    name: str
    input: AnyText
    status: str
    namespace: str | UnsetType = UNSET


class CustomToolCallWriter(CallWriter):
    """The input is unwrapped while it arrives; with a grammar it is held until it has been checked."""

    def __init__(self, out: Emitter, item_id: str, call_id: str, tool: ToolName, grammar: Grammar | None) -> None:
        super().__init__(out, item_id, call_id, tool, grammar)
        self._reader = InputReader()
        self._input: list[str] = []
        self._check: InputCheck | None = None
        self._problems: Sequence[str | None] | None = None

    @property
    def streams(self) -> bool:
        return self.grammar is None

    @property
    def whole(self) -> bool:
        if self.grammar is not None:
            return super().whole
        return self._reader.ended or super().whole

    @property
    def is_cut(self) -> bool:
        """Raw text may end anywhere; the string around an input may not."""
        reader = InputReader()
        reader.feed(self.arguments_text)
        return reader.is_inside or super().is_cut

    @property
    def check(self) -> InputCheck | None:
        if self.grammar is None or self._problems is not None:
            return None
        if self._check is None:
            self._check = InputCheck(self.grammar, tuple(readings(self._whole_input())))
        return self._check

    def judge(self, problems: Sequence[str | None]) -> None:
        self._problems = problems

    @property
    def problem(self) -> str | None:
        problems = self._problems
        return None if not problems or None in problems else problems[0]

    def arguments(self, delta: str) -> None:
        super().arguments(delta)
        self._check = self._problems = None
        if self.opened:
            self._emit(self._reader.feed(delta))

    def close_parts(self) -> None:
        self._emit(self._reader.close() if self.grammar is None else self._best_reading())
        self.out.emit(events.CustomToolCallInputDone, self.id, self.index, joined(self._input))

    def snapshot(self, status: str) -> OutputCustomToolCall:
        return OutputCustomToolCall(
            self.id, self.call_id, self.tool.name, joined(self._input), status, self.tool.namespace or UNSET
        )

    def _emit(self, text: str) -> None:
        if text:
            self._input.append(text)
            self.out.emit(events.CustomToolCallInputDelta, self.id, self.index, as_long(text))

    def _whole_input(self) -> str:
        reader = InputReader()
        return reader.feed(self.arguments_text) + reader.close()

    def _best_reading(self) -> str:
        """Returns the first reading that fits the grammar; what has not been checked goes out as it is."""
        text = self._whole_input()
        problems = self._problems
        return text if not problems or None not in problems else list(readings(text))[problems.index(None)]
