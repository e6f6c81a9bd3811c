"""`local_shell_call` and its output: one command that the client runs."""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from translators.items.call_writer import HeldCallWriter
from translators.items.function_call_output import read_output
from translators.items.item import Item
from translators.messages.builder import MessageBuilder
from translators.messages.pieces import Call, Output
from translators.schema.responses import NULL
from translators.tools import ToolMap
from translators.tools.unwrap import unwrapped


class Command(Struct, kw_only=True, omit_defaults=True):
    """The arguments of the function; `LocalShellAction` is the same as the item holds it."""

    command: list[str]
    working_directory: str | None = None
    env: dict[str, str] | None = None
    timeout_ms: int | None = None
    user: str | None = None


class LocalShellAction(Struct, kw_only=True):
    type: Literal["exec"] = "exec"
    command: list[str]
    env: dict[str, str]
    timeout_ms: int | UnsetType = UNSET
    user: str | UnsetType = UNSET
    working_directory: str | UnsetType = UNSET


class LocalShellCall(Item):
    call_id: str
    action: Command

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        name = tools.chat_name("local_shell", kind="local_shell")
        action = msgspec.structs.replace(self.action, env=self.action.env or None)  # the item must have one
        text = msgspec.json.encode(action).decode()
        into.add_call(Call(self.call_id, name, text, at, cut=self.status == "incomplete", item_id=self.id))


class OutputLocalShellCall(Struct, tag_field="type", tag="local_shell_call", frozen=True):
    id: str
    call_id: str
    action: LocalShellAction
    status: str


class LocalShellCallWriter(HeldCallWriter):
    @property
    def readable(self) -> bool:
        return bool(self.arguments_text.strip())

    def snapshot(self, status: str) -> OutputLocalShellCall:
        command = self._command()
        action = LocalShellAction(
            command=command.command,
            env=command.env or {},
            timeout_ms=_or_unset(command.timeout_ms),
            user=_or_unset(command.user),
            working_directory=_or_unset(command.working_directory),
        )
        return OutputLocalShellCall(self.id, self.call_id, action, status)

    def _command(self) -> Command:
        """Reads the command; one in another form than that of the function is a line for a shell."""
        return self.arguments_as(Command) or Command(command=["bash", "-lc", unwrapped(self.arguments_text)])


T = TypeVar("T")


def _or_unset(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value


class LocalShellCallOutput(Item):
    """Its `id` is the call's id, or its item's; some clients add a `call_id`."""

    call_id: str | None = None
    output: Raw = NULL

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        into.add_output(read_output(self.output, into, f"{at}.output", Output(self.call_id, at, item_id=self.id)))
