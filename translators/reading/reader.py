"""`ChatReader`: Chat chunks, as any backend sends them, into fragments of one meaning each.

A whole answer is one chunk with `message` for `delta`. The reader knows every spelling; whoever takes
its fragments need not. Raises nothing: what cannot be read becomes `Failed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct

from translators.decode import is_json_object
from translators.details import detail_text
from translators.errors import UpstreamProtocolError
from translators.fragments import (
    Annotation,
    ArgumentsRun,
    Failed,
    Finish,
    Fragment,
    Reasoning,
    ReasoningDetails,
    ReasoningRun,
    Refusal,
    ServiceTier,
    Text,
    TextRun,
    ToolArguments,
    ToolCall,
    Usage,
)
from translators.runs import ChunkRun
from translators.schema import chat
from translators.sources import Sources, read_annotation
from translators.upstream_errors import error_in_chunk


class _Call:
    """A call while it arrives; it is announced when its first argument shows that the name is whole."""

    def __init__(self, key: int) -> None:
        self.key = key
        self.id: str | None = None
        self.name = ""
        self.announced = False
        self.arguments: list[str] = []
        self.extra: Any = None

    @property
    def whole(self) -> bool:
        """Whether its arguments are one JSON object, which nothing can continue."""
        return bool(self.arguments) and self.arguments[-1].endswith("}") and is_json_object("".join(self.arguments))


class ChatReader:
    """Reads the chunks of one answer in order."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._held: list[_Call] = []  # not announced yet
        self._by_id: dict[str, _Call] = {}
        self._by_index: dict[int, _Call] = {}
        self._sources = Sources()

    def read(self, chunk: chat.ChatChunk) -> list[Fragment]:
        """The fragments of one chunk, in the order in which they mean something."""
        out: list[Fragment] = []
        if chunk.citations is not None or chunk.search_results is not None:
            self._sources.take(chunk)
        if chunk.choices:
            choice = chunk.choices[0]
            delta = choice.delta
            if delta is not None:
                self._read_delta(delta, choice, out)
                for call in delta.tool_calls or ():
                    self._read_call(call, out)
            elif choice.message is not None:
                self._read_delta(choice.message, choice, out)
                self._read_whole_calls(choice.message.tool_calls or (), out)
            if choice.finish_reason:  # some send an empty one with every chunk
                out += self.flush()
                if self._sources.found and not self._calls:
                    out += map(Annotation, self._sources.annotations())
                out.append(Finish(str(choice.finish_reason)))
            if choice.usage is not None:
                out.append(Usage(choice.usage))
        error = error_in_chunk(chunk)
        if error is not None:
            out.append(Failed(error))
        if chunk.usage is not None:
            out.append(Usage(chunk.usage))
        elif chunk.x_groq is not None and chunk.x_groq.usage is not None:
            out.append(Usage(chunk.x_groq.usage))
        if type(chunk.service_tier) is str:
            out.append(ServiceTier(chunk.service_tier))
        return out

    def read_run(self, run: ChunkRun) -> list[Fragment]:
        """The same as of its chunks one by one. The first chunk of that kind has been read by itself."""
        out: list[Fragment] = []
        if run.call is not None:
            self._read_arguments(run.call, run.texts, out)
        elif run.field == "content":
            if self._held:
                self._release(out)
            out.append(TextRun(run.texts))
        else:
            out.append(ReasoningRun(run.texts))
        return out

    def flush(self) -> list[Fragment]:
        """Announces the calls that are still held back: those without any argument.

        A call that nobody named cannot be made; without arguments it was no call.
        """
        if not self._held:
            return []
        out: list[Fragment] = []
        self._release(out)
        if any(call.arguments for call in self._held):
            out.append(Failed(UpstreamProtocolError("The upstream called a tool without naming it.")))
        self._held = []
        return out

    def _release(self, out: list[Fragment]) -> None:
        """Announces every call that has a name, so that items stand in the order in which they began."""
        for call in self._held:
            if call.name:
                call.announced = True
                out.append(ToolCall(call.key, call.id, call.name, call.extra))
                if call.arguments:
                    out.append(ToolArguments(call.key, "".join(call.arguments)))
        self._held = [call for call in self._held if not call.announced]

    def _read_whole_calls(self, calls: Iterable[chat.ToolCallDelta], out: list[Fragment]) -> None:
        for index, call in enumerate(calls):
            self._by_id.clear()  # in a whole answer every entry is a call of its own, whatever its id
            call.index = index
            self._read_call(call, out)

    def _read_delta(self, delta: chat.Delta, choice: chat.Choice, out: list[Fragment]) -> None:
        reasoning = delta.reasoning_content if delta.reasoning_content else delta.reasoning
        if reasoning:
            _read_text(reasoning, Reasoning, out)
        if delta.reasoning_details:
            _read_details(delta.reasoning_details, out, spoken=bool(reasoning))
        content = delta.content
        if content:
            if self._held:
                self._release(out)
            if type(content) is str:
                out.append(Text(content, choice.logprobs.content if choice.logprobs is not None else None))
            else:
                _read_text(content, Text, out)
        if delta.refusal:
            _read_text(delta.refusal, Refusal, out)
        for annotation in delta.annotations or ():
            self._sources.cited = True
            _read_annotation(annotation, out)
        if delta.function_call is not None:  # the form before tools; there is one call at most
            self._read_call(chat.ToolCallDelta(index=0, function=delta.function_call), out)

    def _read_call(self, delta: chat.ToolCallDelta, out: list[Fragment]) -> None:
        function = delta.function or chat.FunctionDelta()
        name = function.name if type(function.name) is str else ""
        arguments = _arguments_text(function.arguments)
        call = self._find(delta, starts_over=bool(name and arguments))
        call.id = call.id or _id(delta)
        if delta.extra_content is not None:
            call.extra = delta.extra_content
        if not call.announced:
            # A name may come in pieces, or again and again with every piece of the arguments.
            call.name = name if name.startswith(call.name) else call.name + name
        if arguments:
            call.arguments.append(arguments)
        if call.announced:
            if arguments:
                out.append(ToolArguments(call.key, arguments))
        elif call.name and call.arguments:
            self._release(out)

    def _read_arguments(self, delta: chat.ToolCallDelta, texts: list[str], out: list[Fragment]) -> None:
        call = self._find(delta, starts_over=False)
        if call.announced:
            call.arguments += texts
            out.append(ArgumentsRun(texts, call.key))
            return
        for text in texts:
            piece = chat.ToolCallDelta(index=delta.index, id=delta.id, function=chat.FunctionDelta(arguments=text))
            self._read_call(piece, out)

    def _find(self, delta: chat.ToolCallDelta, *, starts_over: bool) -> _Call:
        """By id, then by index, then the latest.

        A new id is a new call even under a used index, and so is a name with arguments
        (`starts_over`) where the arguments so far are whole already.
        """
        call_id = _id(delta)
        index = delta.index if type(delta.index) is int else None
        if call_id is not None:
            known = self._by_id.get(call_id)
            if known is None:
                known = None if index is None else self._by_index.get(index)
                if known is None or known.id is not None:
                    known = self._begin(index)
                self._by_id[call_id] = known
            return known
        latest = self._calls[-1] if self._calls else None
        found = latest if index is None else self._by_index.get(index)
        if found is None or (starts_over and found.whole):
            return self._begin(index)
        return found

    def _begin(self, index: int | None) -> _Call:
        call = _Call(len(self._calls))
        self._calls.append(call)
        self._held.append(call)
        if index is not None:
            self._by_index[index] = call
        return call


def _id(delta: chat.ToolCallDelta) -> str | None:
    return delta.id if type(delta.id) is str and delta.id else None


def _arguments_text(arguments: Any) -> str:
    """Arguments are text; some backends send the object itself."""
    if type(arguments) is str:
        return arguments
    return "" if arguments is None else msgspec.json.encode(arguments).decode()


class _TextBlock(Struct):
    """A member of a content list: text, or a thought in text blocks of its own.

    Mistral puts those under `thinking`, Databricks under the `summary` of a `reasoning` block.
    """

    type: str = "text"
    text: str | None = None
    thinking: Any = None
    summary: Any = None
    refusal: str | None = None


def _read_text(value: Any, kind: Callable[[str], Fragment], out: list[Fragment]) -> None:
    """Appends the text in `value`: a string, a block, or a list of either."""
    if type(value) is str:
        if value:
            out.append(kind(value))
    elif type(value) is list:
        for member in value:
            _read_text(member, kind, out)
    elif type(value) is dict:
        try:
            block = msgspec.convert(value, _TextBlock)
        except msgspec.ValidationError:
            return
        for thought in (block.thinking, block.summary):
            if thought is not None:
                _read_text(thought, Reasoning, out)
        if block.refusal:
            out.append(Refusal(block.refusal))
        if block.text:
            out.append(kind(block.text))


def _read_details(value: Any, out: list[Fragment], *, spoken: bool) -> None:
    """Records of a thought; their text counts only where no other field of the chunk told it (`spoken`)."""
    if type(value) is not list:
        return
    if not spoken:
        out += [Reasoning(text) for detail in value if (text := detail_text(detail))]
    out.append(ReasoningDetails(value))


def _read_annotation(value: Any, out: list[Fragment]) -> None:
    annotation = read_annotation(value)
    if annotation is not None:
        out.append(Annotation(annotation))
