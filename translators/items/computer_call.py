"""`computer_call` and `computer_call_output`: what the client is to do on a screen, and how it looks then."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from translators.decode import decode_as, is_null
from translators.items.call_writer import HeldCallWriter
from translators.items.item import Item
from translators.items.parts import InputImage
from translators.messages.builder import SEE_BELOW, MessageBuilder
from translators.messages.pieces import Call, Output
from translators.schema.responses import NULL
from translators.tools import ToolMap
from translators.tools.computer import COMPUTER_PREVIEW

Action = dict[str, Any]


class _Arguments(Struct, omit_defaults=True):
    actions: list[Any] | None = None
    action: Any = None


class ComputerCall(Item):
    """With `actions`, or with the one `action` of the preview."""

    call_id: str
    action: Any = None
    actions: list[Any] | None = None
    pending_safety_checks: Raw = NULL

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        if self.actions is not None:
            name, arguments = tools.chat_name("computer", kind="computer"), _Arguments(actions=self.actions)
        else:
            name = tools.chat_name("computer_use_preview", kind="computer")
            arguments = _Arguments(action=self.action)
        text = msgspec.json.encode(arguments).decode()
        into.add_call(Call(self.call_id, name, text, at, cut=self.status == "incomplete", item_id=self.id))


class ComputerCallOutput(Item):
    call_id: str
    output: Raw = NULL
    acknowledged_safety_checks: Raw = NULL

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        """Adds the output; the screenshot follows the tool message, which cannot hold it."""
        output = Output(self.call_id, at, item_id=self.id)
        if not is_null(self.output):
            screenshot = decode_as(InputImage, self.output, f"{at}.output")
            output.media = [screenshot.to_chat(into.dialect, f"{at}.output", into.report)]
            output.text = SEE_BELOW
        into.add_output(output)


class OutputComputerCall(Struct, tag_field="type", tag="computer_call", frozen=True):
    id: str
    call_id: str
    pending_safety_checks: list[Any]
    status: str
    actions: list[Action] | UnsetType = UNSET
    action: Action | UnsetType = UNSET


class _Actions(Struct):
    actions: list[Action]


class _Action(Struct):
    action: Action


class ComputerCallWriter(HeldCallWriter):
    @property
    def readable(self) -> bool:
        return self.arguments_as(_Actions) is not None or self.arguments_as(_Action) is not None

    def snapshot(self, status: str) -> OutputComputerCall:
        read = self.arguments_as(_Actions)
        one = self.arguments_as(_Action)
        actions = read.actions if read is not None else [] if one is None else [one.action]
        if self.tool == COMPUTER_PREVIEW:
            return OutputComputerCall(self.id, self.call_id, [], status, action=actions[0] if actions else {})
        return OutputComputerCall(self.id, self.call_id, [], status, actions=actions)
