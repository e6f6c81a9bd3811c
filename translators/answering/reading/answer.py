"""`AnswerReader`: a `ChatReader` behind the filters that the dialect and the request ask for.

Most answers need none after their first words, and then nothing stands between the reader and the stream.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from translators.answering.fragments import Finish, Fragment, Reasoning, Run, Text
from translators.answering.reading.dispatched import Dispatched
from translators.answering.reading.filter import Filter
from translators.answering.reading.quirks import AnswerTool, CumulativeReasoning, Fence, FirstCallOnly, TextAlone
from translators.answering.reading.reader import ChatReader
from translators.answering.reading.text_calls import BareCall, TextCalls
from translators.answering.reading.think_tags import ThinkTags
from translators.asking.translate import Translation
from translators.report import Adaptation
from translators.wire.chunk_template import Chunk, ChunkRun


class AnswerReader:
    def __init__(self, translation: Translation) -> None:
        self._reader = ChatReader()
        self._filters = _filters(translation)
        self._ignored = _ignored(self._filters)

    def read(self, chunk: Chunk) -> list[Fragment]:
        """The fragments of one chunk, in the order in which they mean something."""
        found = self._reader.read_run(chunk) if isinstance(chunk, ChunkRun) else self._reader.read(chunk)
        return self._filter(found) if self._filters else found

    def lets_pass(self, run: ChunkRun) -> bool:
        """Whether no filter looks at the texts of such runs."""
        return not self._filters or (Text if run.field == "content" else Reasoning) in self._ignored

    def flush(self) -> list[Fragment]:
        """What was held back, at the end of the answer."""
        return self._ended(self._reader.flush()) if self._filters else self._reader.flush()

    def _filter(self, found: list[Fragment]) -> list[Fragment]:
        out: list[Fragment] = []
        for fragment in self._unbundle(found):
            if isinstance(fragment, Run) or type(fragment) in self._ignored:
                out.append(fragment)
            else:
                out += self._ended([fragment]) if isinstance(fragment, Finish) else self._pass([fragment])
        if any(each.done for each in self._filters):
            self._filters = [each for each in self._filters if not each.done]
            self._ignored = _ignored(self._filters)
        return out

    def _unbundle(self, found: list[Fragment]) -> Iterator[Fragment]:
        """Filters see fragments one by one; what they ignore stays together."""
        for fragment in found:
            if isinstance(fragment, Run) and fragment.of not in self._ignored:
                yield from fragment.singles()
            else:
                yield fragment

    def _pass(self, fragments: list[Fragment]) -> list[Fragment]:
        for each in self._filters:
            fragments = _through(each, fragments)
        return fragments

    def _ended(self, last: list[Fragment]) -> list[Fragment]:
        """Every filter lets go of what it holds, the later ones having seen what the earlier ones held."""
        finish: list[Fragment] = [fragment for fragment in last if isinstance(fragment, Finish)]
        fragments: list[Fragment] = [fragment for fragment in last if not isinstance(fragment, Finish)]
        for each in self._filters:
            fragments = _through(each, fragments) + each.flush()
        return fragments + finish


def _through(each: Filter, fragments: list[Fragment]) -> list[Fragment]:
    out: list[Fragment] = []
    for fragment in fragments:
        if each.done or type(fragment) in each.ignores:
            out.append(fragment)
        else:
            out += each.feed(fragment)
    return out


def _ignored(filters: list[Filter]) -> frozenset[type[Fragment]]:
    """What no filter looks at."""
    return frozenset.intersection(*(each.ignores for each in filters)) if filters else frozenset()


def _filters(translation: Translation) -> list[Filter]:
    """In the order in which fragments pass them."""
    filters: list[Filter] = []
    dialect, form = translation.dialect, translation.form
    if dialect.cumulative_reasoning:
        filters.append(CumulativeReasoning())
    if dialect.think_tags:
        filters.append(ThinkTags(dialect.think_tags, prefilled=dialect.think_prefilled))
    if form is not None and form.tool is not None:
        filters.append(AnswerTool(form.tool))
    tools = translation.chat.tools
    if tools:
        if dialect.text_calls:
            offered = frozenset(tool.function.name for tool in tools)
            filters.append(TextCalls(dialect.text_calls, offered))
            if "bare_json" in dialect.text_calls and translation.chat.tool_choice not in (UNSET, "auto", "none"):
                filters.append(BareCall(offered))
        if translation.behind:
            filters.append(Dispatched(frozenset(translation.behind.values())))
        if translation.params.parallel_tool_calls is False:
            filters.append(FirstCallOnly(lambda: translation.adaptations.append(_SECOND_CALL)))
    if form is not None and form.fenced:
        filters.append(Fence())
    if translation.compacts:
        filters.append(TextAlone())
    return filters


_SECOND_CALL = Adaptation("dropped", "parallel_tool_calls", "a call beyond the first, which the upstream made unasked")
