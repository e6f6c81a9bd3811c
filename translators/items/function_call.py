"""`function_call`: a call of a function tool, in history and from the model."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from translators.decode import is_json_object
from translators.emitter import OpenRun
from translators.items.call_writer import CallWriter
from translators.items.item import Item
from translators.long_text import AnyText, as_long, joined
from translators.messages.builder import MessageBuilder
from translators.messages.pieces import Call
from translators.schema import events
from translators.tools import ToolMap
from translators.tools.cut import closed
from translators.tools.repair import as_object, repaired


class FunctionCall(Item):
    call_id: str
    name: str
    arguments: str
    namespace: str | None = None
    encrypted_function_args: list[str] | None = None  # by OpenAI, for itself

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        arguments, mended = as_object(self.arguments)
        if mended:
            into.report.changed(f"{at}.arguments", mended)
        if self.encrypted_function_args:
            into.report.ignored(f"{at}.encrypted_function_args", "only OpenAI can read such arguments")
        name = tools.chat_name(self.name, self.namespace)
        into.add_call(Call(self.call_id, name, arguments, at, cut=self.status == "incomplete", item_id=self.id))


class OutputFunctionCall(Struct, tag_field="type", tag="function_call", frozen=True):
    id: str
    call_id: str
    name: str
    arguments: AnyText
    status: str
    namespace: str | UnsetType = UNSET
    encrypted_function_args: list[str] | UnsetType = UNSET


class FunctionCallWriter(CallWriter):
    """Arguments pass through as they come; a call without any gets an empty object at its end.

    Arguments that do not begin as an object does are held until the end and then freed of what is around it.
    """

    # Codex takes such arguments for plain text only where the call says so (openai/codex#35845).
    plain_args_told = False
    _passing = False  # from the first brace on
    _blank = True  # as long as white space alone has come
    _run: OpenRun | None = None  # of its deltas, from the first brace on

    def arguments(self, delta: str) -> None:
        self._pieces.append(delta)
        if self._passing:
            self._emit(delta)
        elif self._blank and not delta.isspace():
            self._blank = False
            text = self.arguments_text
            self._pieces = [text]
            if text.lstrip().startswith("{"):
                self._passing = True
                self._emit(text)

    def arguments_run(self, deltas: list[str]) -> None:
        if self._passing:
            if self._run is None:
                model = events.FunctionCallArgumentsDelta(0, self.id, self.index, "")
                self._run = OpenRun(model, self._pieces)
            self.out.emit_run(self._run, deltas)
        else:
            super().arguments_run(deltas)

    def close_parts(self) -> None:
        if not self._passing:
            text = self.arguments_text
            whole, self.mended = as_object(text)
            self._pieces = [whole]
            self._emit(self._pieces[0])
        self.out.emit(events.FunctionCallArgumentsDone, self.id, self.index, self.tool.name, joined(self._pieces))

    @property
    def whole(self) -> bool:
        text = self.arguments_text
        return is_json_object(text if self._passing else repaired(text))

    @property
    def is_cut(self) -> bool:
        text = self.arguments_text
        return closed(text[text.find("{") :]) is not None

    @property
    def readable(self) -> bool:
        """Clients run what is done: arguments that are no JSON object never are. Of what nobody has seen yet, one is
        made.
        """
        return not self._passing or self.whole

    def cut(self) -> None:
        if not self._passing:
            self._pieces = []  # the client has seen none of it
        super().cut()

    def snapshot(self, status: str) -> OutputFunctionCall:
        return OutputFunctionCall(
            self.id,
            self.call_id,
            self.tool.name,
            joined(self._pieces),
            status,
            self.tool.namespace or UNSET,
            [] if self.plain_args_told else UNSET,
        )

    def _emit(self, delta: str) -> None:
        self.out.emit(events.FunctionCallArgumentsDelta, self.id, self.index, as_long(delta))
