"""`apply_patch_call` and its output: one change to one file, which the client makes."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from translators.decode import is_null
from translators.items.call_writer import HeldCallWriter
from translators.items.item import Item
from translators.messages.builder import MessageBuilder
from translators.messages.pieces import Call, Output
from translators.schema.responses import NULL
from translators.tools import ToolMap


class Operation(Struct, kw_only=True, omit_defaults=True):
    type: Literal["create_file", "update_file", "delete_file"]
    path: str
    diff: str | UnsetType = UNSET


class _Arguments(Struct):
    operation: Operation


class ApplyPatchCall(Item):
    call_id: str
    operation: Operation

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        text = msgspec.json.encode(_Arguments(self.operation)).decode()
        name = tools.chat_name("apply_patch", kind="apply_patch")
        into.add_call(Call(self.call_id, name, text, at, cut=self.status == "incomplete", item_id=self.id))


class ApplyPatchCallOutput(Item):
    call_id: str
    output: Raw = NULL

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        fields: dict[str, str | Raw] = {"status": self.status or "completed"}
        if not is_null(self.output):
            fields["output"] = self.output
        into.add_output(Output(self.call_id, at, msgspec.json.encode(fields).decode(), item_id=self.id))


class OutputApplyPatchCall(Struct, tag_field="type", tag="apply_patch_call", frozen=True):
    id: str
    call_id: str
    operation: Operation
    status: str


class ApplyPatchCallWriter(HeldCallWriter):
    """Models also put the operation's fields directly into the arguments."""

    @property
    def readable(self) -> bool:
        return self._operation() is not None

    def snapshot(self, status: str) -> OutputApplyPatchCall:
        operation = self._operation()
        assert operation is not None, "asked only when readable"
        if operation.type != "delete_file" and operation.diff is UNSET:
            operation.diff = ""
        return OutputApplyPatchCall(self.id, self.call_id, operation, status)

    def _operation(self) -> Operation | None:
        arguments = self.arguments_as(_Arguments)
        return self.arguments_as(Operation) if arguments is None else arguments.operation
