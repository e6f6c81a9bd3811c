"""`message`: what a user, a system, a developer or the assistant said; and the writer of the model's own."""

from __future__ import annotations

import re
from typing import Any, Literal

from msgspec import UNSET, Raw, Struct, UnsetType

from translators.decode import is_null, read_text
from translators.dialects import Dialect
from translators.dialects.arrange import content_of
from translators.emitter import Emitter, OpenRun
from translators.errors import InvalidRequest
from translators.items.item import Item
from translators.items.parts import LocatedPart, PlainContent, Refusal, decode_parts, locate_parts, sole_text
from translators.items.writer import ItemWriter
from translators.long_text import AnyText, as_long, joined
from translators.messages.builder import MessageBuilder
from translators.messages.pieces import AssistantRefusal, AssistantSpeech, Instruction, Reasoning, UserSpeech
from translators.report import Report
from translators.schema import chat, events
from translators.schema.responses import NULL
from translators.tools import ToolMap

# How Pydantic AI resends the thoughts of a model it does not know, and how many models write theirs.
_TAGGED_THOUGHT = re.compile(r"\s*<think>\n?(.+?)\n?</think>\s*", re.DOTALL)
# What such a text may begin with as JSON, and anything that only reading tells.
_PERHAPS_TAGGED = re.compile(rb'"(?: |\\[nrtfb])*(?:<|\\u|[\x80-\xff]|")')


# The phases of messages: what is said before more is done, and the answer itself.
COMMENTARY = "commentary"
FINAL_ANSWER = "final_answer"


class _AnyMessage(Item):
    role: Literal["user", "assistant", "system", "developer"]
    phase: str | None = None

    def parts(self, at: str, report: Report) -> list[LocatedPart] | None:
        """Returns the parts of the content, if there is any. Raises InvalidRequest for one that is not known."""
        raise NotImplementedError

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        where = f"{at}.content"
        parts = self.parts(where, into.report)
        if parts is None:
            if self.role == "assistant":
                return  # some clients resend a turn of calls with an empty message before it
            raise InvalidRequest(
                f"Missing required parameter: '{where}'.", param=where, code="missing_required_parameter"
            )
        if self.role == "assistant":
            self._replay_assistant(parts, into, at)
        elif self.role == "user":
            into.add(UserSpeech(user_content(parts, into.dialect, into.report), at))
        else:
            self.speak(spoken_text(parts), into, at)

    def speak(self, text: chat.Text, into: MessageBuilder, at: str) -> None:
        """Adds a message that is one text."""
        if self.role == "user":
            into.add(UserSpeech(text, at))
        elif self.role == "assistant":
            _add_answer(text, into, at)
        else:
            into.add(Instruction(read_text(text), self.role, at))

    def _replay_assistant(self, parts: list[LocatedPart], into: MessageBuilder, at: str) -> None:
        speech: list[str] = []
        for located in parts:
            if isinstance(located.part, Refusal):
                into.add(AssistantRefusal(located.part.refusal))
            elif located.part.spoken is None:
                into.report.dropped(located.at, "an assistant message holds text only in Chat Completions")
            else:
                speech.append(located.part.spoken)
        if speech:
            _add_answer("".join(speech), into, at)


def _add_answer(text: chat.Text, into: MessageBuilder, at: str) -> None:
    if isinstance(text, Raw):
        if _PERHAPS_TAGGED.match(text) is None:
            into.add(AssistantSpeech(text))
            return
        text = read_text(text)
    thought = _TAGGED_THOUGHT.match(text)
    if thought is not None:
        into.add(Reasoning(thought[1], f"{at}.content"))
        text = text[thought.end() :]
        if not text:
            return
    into.add(AssistantSpeech(text))


class Message(_AnyMessage):
    content: Raw = NULL

    def parts(self, at: str, report: Report) -> list[LocatedPart] | None:
        return None if is_null(self.content) else decode_parts(self.content, at, report)


class PlainMessage(_AnyMessage):
    content: PlainContent | None = None

    def parts(self, at: str, report: Report) -> list[LocatedPart] | None:
        return None if self.content is None else locate_parts(self.content, at)

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        text = sole_text(self.content)  # as nearly always
        if text is None:
            super().replay(into, tools, at)
        else:
            self.speak(text, into, at)


def spoken_text(parts: list[LocatedPart]) -> str:
    """Returns the text of a message that may hold nothing else. Raises InvalidRequest for media."""
    texts = []
    for located in parts:
        if located.part.spoken is None:
            raise InvalidRequest("Only text is allowed here.", param=located.at, code="invalid_value")
        texts.append(located.part.spoken)
    return "\n".join(texts)


def user_content(parts: list[LocatedPart], dialect: Dialect, report: Report) -> chat.Content:
    """Returns a string where the text alone allows it and the dialect likes it, else Chat parts."""
    if dialect.text_content == "string" or len(parts) == 1:
        texts = [text for located in parts if (text := located.part.spoken) is not None]
        if len(texts) == len(parts):
            return "\n".join(texts)
    return content_of([located.part.to_chat(dialect, located.at, report) for located in parts], dialect)


# --- the model's own -----------------------------------------------------------------------------


class OutputText(Struct, tag_field="type", tag="output_text", frozen=True):
    text: AnyText
    annotations: list[Any]
    logprobs: list[Any] | UnsetType = UNSET

    @property
    def words(self) -> AnyText:
        return self.text


class OutputRefusal(Struct, tag_field="type", tag="refusal", frozen=True):
    refusal: AnyText

    @property
    def words(self) -> AnyText:
        return self.refusal


class OutputMessage(Struct, tag_field="type", tag="message", frozen=True):
    id: str
    status: str
    role: Literal["assistant"]
    content: list[OutputText | OutputRefusal]
    phase: str | UnsetType = UNSET


class _TextPart:
    """An `output_text` part while it is being written."""

    def __init__(self, with_logprobs: bool) -> None:
        self.pieces: list[str] = []
        self.annotations: list[Any] = []
        self.logprobs: list[Any] | None = [] if with_logprobs else None
        self.run: OpenRun | None = None  # of its deltas without log probabilities

    def snapshot(self) -> OutputText:
        logprobs = UNSET if self.logprobs is None else [*self.logprobs]
        return OutputText(joined(self.pieces), [*self.annotations], logprobs)

    def emit_done(self, writer: MessageWriter, text: AnyText) -> None:
        writer.out.emit(
            events.OutputTextDone, writer.id, writer.index, writer.content_index, text, [*(self.logprobs or ())]
        )


class _RefusalPart:
    """A `refusal` part while it is being written."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    def snapshot(self) -> OutputRefusal:
        return OutputRefusal(joined(self.pieces))

    def emit_done(self, writer: MessageWriter, text: AnyText) -> None:
        writer.out.emit(events.RefusalDone, writer.id, writer.index, writer.content_index, text)


class MessageWriter(ItemWriter):
    """Text and refusals of the model, each kind a part of its own, one part open at a time."""

    def __init__(self, out: Emitter, item_id: str, *, with_logprobs: bool, reads_refusals: bool = True) -> None:
        super().__init__(out, item_id)
        self._with_logprobs = with_logprobs
        self._reads_refusals = reads_refusals
        self._refused = False
        self._parts: list[OutputText | OutputRefusal] = []
        self._part: _TextPart | _RefusalPart | None = None
        # Unknown while the message is open: `commentary` where the model goes on, else `final_answer`. Without it the
        # Codex app shows an answer twice (lidge-jun/opencodex#542).
        self.phase: str | UnsetType = UNSET

    @property
    def content_index(self) -> int:
        return len(self._parts)

    @property
    def refused(self) -> bool:
        """Whether the model refused, in a part of its own or, for a client that reads none, in the text."""
        return self._refused

    @property
    def said(self) -> str:
        """The text so far, without refusals."""
        return "".join(str(part.text) for part in self._parts_so_far() if type(part) is OutputText)

    @property
    def written(self) -> AnyText:
        words = [part.words for part in self._parts_so_far()]
        return words[0] if len(words) == 1 else "".join(map(str, words))

    def _parts_so_far(self) -> list[OutputText | OutputRefusal]:
        return self._parts if self._part is None else [*self._parts, self._part.snapshot()]

    def text(self, delta: str, logprobs: list[Any]) -> None:
        part = self._part if type(self._part) is _TextPart else self._open_text()
        part.pieces.append(delta)
        if part.logprobs is None:
            logprobs = []
        else:
            part.logprobs += logprobs
        self.out.emit(events.OutputTextDelta, self.id, self.index, len(self._parts), as_long(delta), logprobs)

    def text_run(self, deltas: list[str]) -> None:
        """Does what `text` does, with each of them and no log probabilities."""
        part = self._part if type(self._part) is _TextPart else self._open_text()
        if part.run is None:
            model = events.OutputTextDelta(0, self.id, self.index, len(self._parts), "", [])
            part.run = OpenRun(model, part.pieces)
        self.out.emit_run(part.run, deltas)

    def annotate(self, annotation: Any) -> None:
        part = self._part if type(self._part) is _TextPart else self._open_text()
        self.out.emit(
            events.OutputTextAnnotationAdded,
            self.id,
            self.index,
            len(self._parts),
            len(part.annotations),
            annotation,
        )
        part.annotations.append(annotation)

    def refuse(self, delta: str) -> None:
        self._refused = True
        if not self._reads_refusals:
            self.text(delta, [])
            return
        part = self._part if type(self._part) is _RefusalPart else self._open_refusal()
        part.pieces.append(delta)
        self.out.emit(events.RefusalDelta, self.id, self.index, len(self._parts), delta)

    def _open_text(self) -> _TextPart:
        part = _TextPart(self._with_logprobs)
        self._open_part(part)
        return part

    def _open_refusal(self) -> _RefusalPart:
        part = _RefusalPart()
        self._open_part(part)
        return part

    def _open_part(self, part: _TextPart | _RefusalPart) -> None:
        self.close_parts()
        self._part = part
        if self.out.heard:
            self.out.emit(events.ContentPartAdded, self.id, self.index, len(self._parts), part.snapshot())

    def close_parts(self) -> None:
        if self._part is None:
            return
        done = self._part.snapshot()
        if self.out.heard:
            self._part.emit_done(self, done.words)
            self.out.emit(events.ContentPartDone, self.id, self.index, len(self._parts), done)
        self._parts.append(done)
        self._part = None

    def snapshot(self, status: str) -> OutputMessage:
        return OutputMessage(self.id, status, "assistant", [*self._parts], self.phase)
