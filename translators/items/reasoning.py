"""`reasoning`: what the model thought, replayed to the upstream that thought it, and its writer.

Clients show either the raw text (`content`) or a summary. Chat backends know one text only: it is
written as the summary where the request asks for one, else as content, and in both cases sealed besides for
clients that store nothing and ask for `reasoning.encrypted_content`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType

from translators.decode import is_null
from translators.emitter import Emitter, OpenRun
from translators.items.details import join_details, join_fields
from translators.items.item import Item
from translators.items.parts import LocatedPart, PlainContent, decode_parts, locate_parts
from translators.items.writer import ItemWriter
from translators.long_text import AnyText, as_long, joined
from translators.messages.builder import MessageBuilder
from translators.messages.pieces import Reasoning
from translators.opaque import Kept, unpack
from translators.report import Report
from translators.schema import events
from translators.schema.responses import NULL
from translators.tools import ToolMap


class _AnyReasoning(Item):
    encrypted_content: str | None = None

    def texts(self, at: str, report: Report) -> Iterator[str]:
        """Yields the text of the content, then that of the summary, asked for only where the first is empty."""
        raise NotImplementedError

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        """Adds the thought. The sealed text wins, being the whole of it; a foreign seal leaves what can be read:
        threads outlive a change of their provider (openai/codex#17541).
        """
        opaque = unpack(self.encrypted_content, into.sealer) if self.encrypted_content else None
        text = opaque.text if opaque is not None else ""
        text = text or next(filter(None, self.texts(at, into.report)), "")
        if opaque is not None and opaque.model == into.model:  # another model could not verify them
            at_home = opaque.dialect == into.dialect.name
            if at_home or into.dialect.tool_extra:
                into.keep_extras(opaque.extras)
            fields = opaque.message if at_home else {}
            if text or opaque.details or fields:
                into.add(Reasoning(text, at, opaque.details, fields))
        elif text:
            into.add(Reasoning(text, at))
        if self.encrypted_content and opaque is None:
            report = into.report.ignored if text else into.report.dropped
            report(f"{at}.encrypted_content", "it was not made here and cannot be read")


class ReasoningItem(_AnyReasoning):
    summary: Raw = NULL
    content: Raw = NULL

    def texts(self, at: str, report: Report) -> Iterator[str]:
        for raw, name in ((self.content, "content"), (self.summary, "summary")):
            if not is_null(raw):
                yield _joined(decode_parts(raw, f"{at}.{name}", report))


class PlainReasoning(_AnyReasoning):
    summary: PlainContent | None = None
    content: PlainContent | None = None

    def texts(self, at: str, report: Report) -> Iterator[str]:
        for content in (self.content, self.summary):
            if content is not None:
                yield _joined(locate_parts(content, at))


def _joined(parts: list[LocatedPart]) -> str:
    return "\n\n".join(located.part.spoken or "" for located in parts)


Pack = Callable[[str, Kept], str]


class ReasoningText(Struct, tag_field="type", tag="reasoning_text", frozen=True):
    text: AnyText


class SummaryText(Struct, tag_field="type", tag="summary_text", frozen=True):
    text: AnyText


class OutputReasoning(Struct, tag_field="type", tag="reasoning", frozen=True):
    id: str
    summary: list[SummaryText]
    content: list[ReasoningText] | UnsetType = UNSET
    encrypted_content: str | UnsetType = UNSET
    status: str | UnsetType = UNSET


class ReasoningWriter(ItemWriter):
    """Writes one text, as `reasoning_text` or, with `summarized`, as `reasoning_summary_text`.

    `pack` makes the `encrypted_content`: of the whole text where the request asks for it (`sealed`), and of what the
    backend wants back and nobody else can read.
    """

    def __init__(self, out: Emitter, item_id: str, *, summarized: bool, sealed: bool, pack: Pack) -> None:
        super().__init__(out, item_id)
        self._sealed = sealed
        self._pack = pack
        self._details: list[Any] = []  # as they came
        self._fields: list[dict[str, Any]] = []
        self._calls: dict[str, dict[str, Any]] = {}
        self._form = _SUMMARY if summarized else _CONTENT
        self._pieces: list[str] | None = None
        self._run: OpenRun | None = None  # of its deltas

    @property
    def written(self) -> AnyText:
        return joined(self._pieces or ())

    def text(self, delta: str) -> None:
        self._open_part().append(delta)
        self.out.emit(self._form.delta, self.id, self.index, 0, as_long(delta))

    def text_run(self, deltas: list[str]) -> None:
        """Does what `text` does, with each of them."""
        pieces = self._open_part()
        if self._run is None:
            self._run = OpenRun(self._form.delta(0, self.id, self.index, 0, ""), pieces)
        self.out.emit_run(self._run, deltas)

    def _open_part(self) -> list[str]:
        if self._pieces is None:
            self._pieces = []
            self.out.emit(self._form.added, self.id, self.index, 0, self._form.part(""))
        return self._pieces

    def close_parts(self) -> None:
        if self._pieces is None:
            return
        text = self.written
        self.out.emit(self._form.done, self.id, self.index, 0, text)
        self.out.emit(self._form.part_done, self.id, self.index, 0, self._form.part(text))

    def snapshot(self, status: str) -> OutputReasoning:
        text = self.written
        parts: list[Any] = [] if self._pieces is None else [self._form.part(text)]
        sealed = UNSET if status == "in_progress" else self._encrypted(text)
        if self._form is _SUMMARY:
            return OutputReasoning(self.id, parts, UNSET, sealed, status)
        return OutputReasoning(self.id, [], parts, sealed, status)

    def _encrypted(self, text: AnyText) -> str | UnsetType:
        kept = Kept(join_details(self._details), self._calls, join_fields(self._fields))
        if not (self._sealed or kept):
            return UNSET
        return self._pack(str(text) if self._sealed else "", kept)

    def keep_details(self, details: list[Any]) -> None:
        """Takes a backend's own records of the thought."""
        self._details += details

    def keep_fields(self, fields: dict[str, Any]) -> None:
        """Takes what a backend put on its message and wants back there."""
        self._fields.append(fields)

    def keep_extra(self, call_id: str, extra: dict[str, Any]) -> None:
        """Takes what a backend put beside a call and wants back with it."""
        self._calls[call_id] = extra


class _Form(Struct, frozen=True):
    """The names under which one form of reasoning travels."""

    part: type[ReasoningText] | type[SummaryText]
    added: type[events.Event]
    delta: type[events.ReasoningTextDelta] | type[events.ReasoningSummaryTextDelta]
    done: type[events.Event]
    part_done: type[events.Event]


_CONTENT = _Form(
    ReasoningText,
    events.ContentPartAdded,
    events.ReasoningTextDelta,
    events.ReasoningTextDone,
    events.ContentPartDone,
)
_SUMMARY = _Form(
    SummaryText,
    events.ReasoningSummaryPartAdded,
    events.ReasoningSummaryTextDelta,
    events.ReasoningSummaryTextDone,
    events.ReasoningSummaryPartDone,
)
