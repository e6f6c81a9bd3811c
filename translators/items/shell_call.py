"""`shell_call` and `shell_call_output`: commands that the client runs, and what each of them printed."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from translators.decode import compact, is_string
from translators.items.call_writer import HeldCallWriter
from translators.items.function_call_output import read_output
from translators.items.item import Item
from translators.messages.builder import MessageBuilder
from translators.messages.pieces import Call, Output
from translators.schema import events
from translators.schema.responses import NULL
from translators.tools import ToolMap
from translators.tools.unwrap import unwrapped


class Commands(Struct, kw_only=True, omit_defaults=True):
    """The arguments of the function."""

    commands: list[str]
    timeout_ms: int | None = None
    max_output_length: int | None = None


class ShellAction(Struct, kw_only=True):
    commands: list[str]
    timeout_ms: int | None
    max_output_length: int | None


class LocalEnvironment(Struct, tag_field="type", tag="local", frozen=True):
    pass


class ShellCall(Item):
    call_id: str
    action: Commands
    environment: Raw = NULL

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        text = msgspec.json.encode(self.action).decode()
        name = tools.chat_name("shell", kind="shell")
        into.add_call(Call(self.call_id, name, text, at, cut=self.status == "incomplete", item_id=self.id))


class ShellCallOutput(Item):
    """The outputs go to the model as the JSON they are: it tells stdout, stderr and outcome of each command apart."""

    call_id: str
    output: Raw = NULL
    max_output_length: int | None = None

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        output = Output(self.call_id, at, item_id=self.id)
        if is_string(self.output):
            read_output(self.output, into, f"{at}.output", output)
        else:
            output.text = compact(self.output)
        into.add_output(output)


class OutputShellCall(Struct, tag_field="type", tag="shell_call", frozen=True):
    id: str
    call_id: str
    action: ShellAction
    environment: LocalEnvironment
    status: str


class ShellCallWriter(HeldCallWriter):
    @property
    def readable(self) -> bool:
        return bool(self.arguments_text.strip())

    def close_parts(self) -> None:
        for index, command in enumerate(self._read().commands):
            self.out.emit(events.ShellCallCommandAdded, self.index, index, "")
            if command:
                self.out.emit(events.ShellCallCommandDelta, self.index, index, command)
            self.out.emit(events.ShellCallCommandDone, self.index, index, command)

    def snapshot(self, status: str) -> OutputShellCall:
        read = self._read()
        action = ShellAction(
            commands=[] if status == "in_progress" else read.commands,
            timeout_ms=read.timeout_ms,
            max_output_length=read.max_output_length,
        )
        return OutputShellCall(self.id, self.call_id, action, LocalEnvironment(), status)

    def _read(self) -> Commands:
        """Reads the commands; those in another form than that of the function are one line for the shell."""
        return self.arguments_as(Commands) or Commands(commands=[unwrapped(self.arguments_text)])
