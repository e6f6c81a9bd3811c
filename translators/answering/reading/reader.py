"""`ChatReader`: Chat chunks, as any backend sends them, into fragments of one meaning each.

A whole answer is one chunk with `message` for `delta`. The reader knows every spelling; whoever takes
its fragments need not. Raises nothing: what cannot be read becomes `Failed`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from translators.answering.citations import Sources, read_annotation
from translators.answering.counts import read_counts
from translators.answering.fragments import (
    Adapted,
    Annotation,
    ArgumentsRun,
    CallExtra,
    Failed,
    Finish,
    Fragment,
    Kept,
    Reasoning,
    ReasoningRun,
    Refusal,
    ServiceTier,
    Text,
    TextRun,
    ToolArguments,
    ToolCall,
    Usage,
)
from translators.answering.reading.parts import (
    call_extra,
    left_out,
    read_audio,
    read_details,
    read_images,
    read_kept,
    read_text,
)
from translators.decode import Braces, is_json_object
from translators.errors import UpstreamProtocolError
from translators.limits import MAX_CALLS, too_many_calls
from translators.recovery.upstream_errors import error_in_chunk
from translators.schema import chat
from translators.wire.chunk_template import ChunkRun
from translators.wire.finish_reasons import is_finish
from translators.wire.payload import OddChunk, says_something

_DELTA, _MESSAGE = "choices[0].delta", "choices[0].message"
_ONE_CHOICE = "one answer was asked for, and this is another"
_IN_REASONING_TEXT = Kept({"reasoning_text": None})


# A word such as `flex` or `on_demand`. It is told to clients as it is, and no text, which might repeat a secret.
_TIER = re.compile(r"[A-Za-z]{1,32}(?:[_-][A-Za-z]{1,32}){0,3}")

_LONGEST_NAME = 4096  # tools have names of 64 characters, namespaces a few of those


class _Call:
    """A call while it arrives; it is announced when its first argument shows that the name is whole."""

    def __init__(self, key: int, index: int | None) -> None:
        self.key = key
        self.index = index
        self.id: str | None = None
        self.name = ""
        self.announced = False
        self.arguments: list[str] = []
        self._braces = Braces()
        self._counted = 0  # of the arguments, how many pieces have been looked through
        self.extra: dict[str, Any] = {}

    @property
    def whole(self) -> bool:
        """Whether its arguments are one JSON object, which nothing can continue.

        They are read when as many braces have been closed as opened: once, or they will never be one.
        """
        if not (self.arguments and self.arguments[-1].endswith("}")):
            return False
        self._braces.feed(itertools.islice(self.arguments, self._counted, None))
        self._counted = len(self.arguments)
        return self._braces.closed_at_end and is_json_object("".join(self.arguments))


class ChatReader:
    """Reads the chunks of one answer in order."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._held: list[_Call] = []  # not announced yet
        self._by_id: dict[str, _Call] = {}
        self._by_index: dict[int, _Call] = {}
        self._sources = Sources()
        self._index: Any = None  # of the choice that is the answer

    def read(self, chunk: chat.ChatChunk) -> list[Fragment]:
        """The fragments of one chunk, in the order in which they mean something."""
        out: list[Fragment] = []
        if (
            chunk.citations is not None
            or chunk.search_results is not None
            or chunk.web_search is not None
            or chunk.search_info is not None
        ):
            self._sources.take(chunk)
        choices = chunk.choices
        if choices:
            try:
                if len(choices) == 1 and choices[0].index == self._index:
                    self._read_choice(choices[0], out)
                else:
                    self._read_choices(choices, out)
            except RecursionError:
                out.append(Failed(UpstreamProtocolError("The upstream's answer is nested too deeply.")))
        may_fail = chunk.error is not None or chunk.base_resp is not None or choices is None
        error = error_in_chunk(chunk) if may_fail else None
        if error is not None:
            out.append(Failed(error))
        elif type(chunk) is OddChunk:
            out += [left_out(odd.at, odd.reason) for odd in chunk.odd]
        if chunk.usage is not None:
            _read_usage(chunk.usage, "usage", out)
        elif type(chunk.x_groq) is dict and "usage" in chunk.x_groq:
            _read_usage(chunk.x_groq["usage"], "x_groq.usage", out)
        if type(chunk.service_tier) is str:
            is_word = _TIER.fullmatch(chunk.service_tier)
            out.append(ServiceTier(chunk.service_tier) if is_word else left_out("service_tier", "it is no word"))
        return out

    def _read_choices(self, choices: list[chat.Choice], out: list[Fragment]) -> None:
        """The first choice of an answer is the answer, whichever number it has."""
        if self._index is None:
            self._index = choices[0].index
        for choice in choices:
            if choice.index == self._index:
                self._read_choice(choice, out)
            else:
                out.append(left_out("choices[1]", _ONE_CHOICE))

    def _read_choice(self, choice: chat.Choice, out: list[Fragment]) -> None:
        delta, message = choice.delta, choice.message
        if delta is not None and (message is None or delta != _NO_DELTA):
            self._read_delta(delta, choice, out, _DELTA)
            if delta.tool_calls:
                for call in delta.tool_calls:
                    self._read_call(call, out)
                    if len(self._calls) > MAX_CALLS:
                        break
            if message is not None and message != _NO_DELTA:
                out.append(left_out(_MESSAGE, "the delta beside it is the answer"))
        elif message is not None:
            self._read_delta(message, choice, out, _MESSAGE)
            if message.tool_calls:
                self._read_whole_calls(message.tool_calls, out)
        elif choice.text is not None:
            read_text(choice.text, Text, out, "choices[0].text")
        if choice.error is not None:
            error = error_in_chunk(chat.ChatChunk(error=choice.error))
            if error is not None:
                out.append(Failed(error))
        if choice.finish_reason and is_finish(choice.finish_reason):
            out += self.flush()
            if self._sources.found:
                self._tell_sources(out)
            out.append(Finish(str(choice.finish_reason)))
        if choice.usage is not None:
            _read_usage(choice.usage, "choices[0].usage", out)

    def _tell_sources(self, out: list[Fragment]) -> None:
        if self._calls:
            out.append(left_out("citations", "there is no text that they could belong to"))
        else:
            out += map(Annotation, self._sources.annotations())

    def read_run(self, run: ChunkRun) -> list[Fragment]:
        """The same as of its chunks one by one. The first chunk of that kind has been read by itself."""
        out: list[Fragment] = [left_out(odd.at, odd.reason) for odd in run.odd] if run.odd else []
        if run.call is not None:
            self._read_arguments(run.call, run.texts, out)
        elif run.field == "content":
            if self._held:
                self._release(out)
            out.append(TextRun(run.texts))
        else:
            out.append(ReasoningRun(run.texts))
            if run.field == "reasoning_text":
                out.append(_IN_REASONING_TEXT)
        return out

    def flush(self) -> list[Fragment]:
        """Announces the calls that are still held back: those without any argument.

        A call that nobody named cannot be made; without arguments it was no call.
        """
        if not self._held:
            return []
        out: list[Fragment] = []
        self._release(out)
        if any(call.extra and not call.arguments for call in self._held):
            out.append(left_out(f"{_DELTA}.tool_calls[]", "there is no call that it could belong to"))
        if any(call.arguments for call in self._held):
            out.append(Failed(UpstreamProtocolError("The upstream called a tool without naming it.")))
        self._held = []
        return out

    def _release(self, out: list[Fragment]) -> None:
        """Announces every call that has a name, so that items stand in the order in which they began."""
        for call in self._held:
            if call.name:
                call.announced = True
                out.append(ToolCall(call.key, call.id, call.name, call.extra or None))
                if call.arguments:
                    out.append(ToolArguments(call.key, "".join(call.arguments)))
        self._held = [call for call in self._held if not call.announced]

    def _read_whole_calls(self, calls: Iterable[chat.ToolCallDelta], out: list[Fragment]) -> None:
        for index, call in enumerate(calls):
            if call.function is None and _id(call) is None and self._calls:
                call.index = None  # a signature that belongs to the call before it
            else:
                self._by_id.clear()  # in a whole answer every entry is a call of its own, whatever its id
                call.index = index
            self._read_call(call, out)
            if len(self._calls) > MAX_CALLS:
                break  # which has been told

    def _read_delta(self, delta: chat.Delta, choice: chat.Choice, out: list[Fragment], at: str) -> None:
        reasoning = delta.reasoning_content or delta.reasoning or delta.reasoning_text or delta.thinking
        if reasoning:
            read_text(reasoning, Reasoning, out, f"{at}.reasoning")
        if (
            delta.reasoning_details is not None
            or delta.reasoning_text is not None
            or delta.reasoning_opaque is not None
            or delta.thinking_blocks is not None
            or delta.extra_content is not None
            or delta.provider_specific_fields is not None
        ):
            self._read_seldom(delta, out, at, spoken=bool(reasoning))
        content = delta.content
        if content:
            if self._held:
                self._release(out)
            if type(content) is str:
                out.append(Text(content, choice.logprobs.content if choice.logprobs is not None else None))
            else:
                read_text(content, Text, out, f"{at}.content")
        if delta.refusal:
            read_text(delta.refusal, Refusal, out, f"{at}.refusal")
        if delta.images:
            read_images(delta.images, out, f"{at}.images")
        if delta.audio:
            read_audio(delta.audio, out, f"{at}.audio", spoken=bool(content))
        if delta.annotations is not None:
            self._read_annotations(delta.annotations, out, at)
        if delta.function_call is not None:  # the form before tools; there is one call at most
            self._read_call(chat.ToolCallDelta(index=0, function=delta.function_call), out)

    def _read_seldom(self, delta: chat.Delta, out: list[Fragment], at: str, *, spoken: bool) -> None:
        """What the backend wants back, and records of the thought."""
        if delta.reasoning_text and not (delta.reasoning_content or delta.reasoning):
            out.append(_IN_REASONING_TEXT)
        if delta.reasoning_details:
            read_details(delta.reasoning_details, out, f"{at}.reasoning_details", spoken=spoken)
            spoken = True
        read_kept(delta, out, at, spoken=spoken)

    def _read_annotations(self, annotations: Any, out: list[Fragment], at: str) -> None:
        if type(annotations) is not list:
            out.append(left_out(f"{at}.annotations", "it should be a list"))
            return
        for value in annotations:
            self._sources.cited = True
            annotation = read_annotation(value)
            if annotation is not None:
                out.append(Annotation(annotation))
            elif says_something(value):
                out.append(left_out(f"{at}.annotations[]", "it is no annotation that is known"))

    def _read_call(self, delta: chat.ToolCallDelta, out: list[Fragment]) -> None:
        function = delta.function or chat.FunctionDelta()
        name = function.name if type(function.name) is str else ""
        arguments = _arguments_text(function.arguments)
        call = self._find(delta, named=bool(name), starts_over=bool(name and arguments))
        if len(self._calls) > MAX_CALLS:
            out.append(Failed(too_many_calls()))
            return
        call.id = call.id or _id(delta)
        if not call.announced:
            # A name may come in pieces, or again and again with every piece of the arguments.
            call.name = name if name.startswith(call.name) else call.name + name
            if len(call.name) > _LONGEST_NAME:
                out.append(Failed(UpstreamProtocolError("The upstream called a tool by a name without end.")))
                return
        if extra := call_extra(delta):
            call.extra = {**call.extra, **extra}
            if call.announced:
                out.append(CallExtra(call.key, call.extra))
        if arguments:
            call.arguments.append(arguments)
        if call.announced:
            if arguments:
                out.append(ToolArguments(call.key, arguments))
        elif call.name and call.arguments:
            self._release(out)

    def _read_arguments(self, delta: chat.ToolCallDelta, texts: list[str], out: list[Fragment]) -> None:
        call = self._find(delta, named=False, starts_over=False)
        if call.announced:
            call.arguments += texts
            out.append(ArgumentsRun(texts, call.key))
            return
        for text in texts:
            piece = chat.ToolCallDelta(index=delta.index, id=delta.id, function=chat.FunctionDelta(arguments=text))
            self._read_call(piece, out)

    def _find(self, delta: chat.ToolCallDelta, *, named: bool, starts_over: bool) -> _Call:
        """By id, then by index, then the latest.

        A new id is a new call even under a used index, and so is a name with arguments
        (`starts_over`) where the arguments so far are whole already. An id that is known under another index is
        another call where it is `named`: MiMo and some proxies give all calls of an answer one id
        (can1357/oh-my-pi#2055).
        """
        call_id = _id(delta)
        index = delta.index if type(delta.index) is int else None
        if call_id is not None:
            at_index = None if index is None else self._by_index.get(index)
            if at_index is not None and at_index.id == call_id:
                return at_index
            known = self._by_id.get(call_id)
            if known is not None and named and index is not None and known.index not in (None, index):
                known = self._by_id[call_id] = self._begin(index)
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
        call = _Call(len(self._calls), index)
        self._calls.append(call)
        self._held.append(call)
        if index is not None:
            self._by_index[index] = call
        return call


def _id(delta: chat.ToolCallDelta) -> str | None:
    if type(delta.id) is int:
        return str(delta.id)
    return delta.id if type(delta.id) is str and delta.id else None


def _arguments_text(arguments: Any) -> str:
    """Arguments are text; some backends send the object itself."""
    if type(arguments) is str:
        return arguments
    return "" if arguments is None else msgspec.json.encode(arguments).decode()


def _read_usage(said: Any, at: str, out: list[Fragment]) -> None:
    counts, odd = read_counts(said, at)
    out += map(Adapted, odd)
    out.append(Usage(counts))


_NO_DELTA = chat.Delta()
