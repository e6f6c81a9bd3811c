"""`OpenItems`: the items of a response while it is being made: which are open, and who of them speaks.

What speaks (a message, a thought, a summary) is open until something else begins. Calls are open to the end of the
answer, since backends interleave them. How an answer ends, and what follows it, decides how its items are closed.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from translators.answering.answer import Answer
from translators.answering.ending import Ending
from translators.answering.fragments import Text
from translators.answering.logprobs import response_logprobs
from translators.answering.turns import EndedAnswer
from translators.answering.usage import UsageSum
from translators.answering.writers import NewId, Writers
from translators.asking.translate import Translation
from translators.emitter import Emitter
from translators.errors import bounded
from translators.items.call_writer import CallWriter
from translators.items.compaction import CompactionWriter, FinishedCompaction, OutputCompaction
from translators.items.message import COMMENTARY, FINAL_ANSWER, MessageWriter
from translators.items.reasoning import ReasoningWriter
from translators.items.writer import ItemWriter
from translators.report import Adaptation, Told

CALL_ARGUMENTS = "choices[0].message.tool_calls"

SpeakingWriter = TypeVar("SpeakingWriter", MessageWriter, ReasoningWriter, CompactionWriter)


class OpenItems:
    """Of all answers of one response. `answer` is the one that makes them now, `told` what is reported of all, `usage`
    what they took; `closed` when the response has its last item."""

    __slots__ = (
        "_items",
        "_out",
        "_speaking",
        "_translation",
        "_writers",
        "answer",
        "closed",
        "told",
        "usage",
    )

    def __init__(self, translation: Translation, out: Emitter, new_id: NewId, *, reads_refusals: bool) -> None:
        self.told = Told()
        self.usage = UsageSum()
        self.answer = Answer(translation)
        self.closed = False
        self._translation = translation
        self._out = out
        self._writers = Writers(translation, out, new_id, self.told, reads_refusals=reads_refusals)
        self._items: list[ItemWriter] = []
        self._speaking: MessageWriter | ReasoningWriter | CompactionWriter | None = None

    def __repr__(self) -> str:
        speaking = "nobody" if self._speaking is None else type(self._speaking).__name__
        return f"{len(self._items)} items, {speaking} speaks, {self.answer}"

    def insert(self, compaction: OutputCompaction) -> None:
        """Puts out an item that was made elsewhere: it is part of no answer."""
        writer = FinishedCompaction(self._out, compaction)
        writer.open(len(self._items))
        self._items.append(writer)
        writer.close("completed")

    # --- answers ---------------------------------------------------------------------------------

    def begin_answer(self, translation: Translation) -> None:
        self._translation = self._writers.translation = translation
        self.answer = Answer(translation)

    def end_answer(self, *, said_done: bool) -> EndedAnswer:
        """What the answer has come to; white space alone is what the model said."""
        answer = self.answer
        if answer.blank and answer.is_blank:
            self._close_speaking("completed")
            self._open_message()
        ended = answer.end(said_done=said_done)
        if not ended.rejected:
            return ended
        self._close_speaking("completed")
        return msgspec.structs.replace(ended, turn=answer.turn(ended.rejected))

    def stand(self, ended: EndedAnswer) -> None:
        """The answer is the last one: tells what there is to tell of it, and counts its tokens."""
        self.answer.estimate(self.usage, self.told)
        for adaptation in ended.reported:
            self.told.add(adaptation)
        for call in self.answer.refused:
            said = f"a call of '{bounded(call.tool.name)}', which is not among the allowed tools"
            self.told.add_part(Adaptation("dropped", "tool_choice", said))

    def leave_answer(self, ended: EndedAnswer) -> None:
        """Another answer is to follow: the calls of this one that nobody has heard of are forgotten."""
        self._close_speaking("completed")
        if ended.ending is not None:
            self.answer.estimate(self.usage, self.told)
        self.usage.begin_again()

    def close(self, ending: Ending) -> list[Any]:
        """Closes every open item; gives the whole output."""
        self.closed = True
        whole = ending.status == "completed"
        status = "completed" if whole else "incomplete"
        answer = self.answer
        phase = COMMENTARY if answer.calls else FINAL_ANSWER
        self._close_speaking(status, phase=UNSET if ending.status == "failed" else phase)
        afterthought, answer.afterthought = answer.afterthought, None
        if afterthought is not None:
            self._open(afterthought)
            afterthought.close(status)
        for call in answer.calls.values():
            # Only a call that is certainly whole may be run by a client.
            if call.final is not None:
                continue
            if call.readable and (whole or (ending.status == "incomplete" and call.whole)):
                if not call.opened:
                    self._open(call)
                self._close_call(call)
            else:
                call.cut()
        return [writer.final for writer in self._items]

    # --- items -----------------------------------------------------------------------------------

    def _open(self, writer: ItemWriter) -> None:
        writer.open(len(self._items))
        self._items.append(writer)
        self.answer.items.append(writer)

    def _speak(self, writer: SpeakingWriter) -> SpeakingWriter:
        """Opens what goes on until something else begins."""
        self._close_speaking("completed")
        self._speaking = writer
        self._open(writer)
        return writer

    def _open_message(self) -> MessageWriter:
        """White space that came before what is visible is a part of it; alone it makes no message."""
        writer = self._speak(self._writers.message())
        blank, self.answer.blank = self.answer.blank, []
        for fragment in blank:
            self._write(fragment, writer)
        return writer

    def _open_reasoning(self) -> ReasoningWriter:
        return self._speak(self._writers.reasoning())

    def _close_speaking(self, status: str, *, phase: str | UnsetType = COMMENTARY) -> None:
        speaking, self._speaking = self._speaking, None
        if speaking is not None:
            if type(speaking) is MessageWriter:
                speaking.phase = phase
            speaking.close(status)

    def _release_whole_calls(self) -> None:
        """Lets the calls out that were held back and are whole, so that items keep the order of the model."""
        for call in self.answer.held_back():
            self._open(call)
            self._close_call(call)

    def _close_call(self, call: CallWriter) -> None:
        call.close("completed")
        if call.mended is not None:
            said = f"a call of '{bounded(call.tool.name)}': {call.mended}"
            self.told.add_part(Adaptation("changed", CALL_ARGUMENTS, said))

    def _write(self, fragment: Text, writer: MessageWriter) -> None:
        logprobs = response_logprobs(fragment.logprobs) if self._writers.with_logprobs else []
        writer.text(fragment.text, logprobs)

    def _keeping(self) -> ReasoningWriter:
        """Where to put what the backend wants back: in the thought, as long as nothing has followed it.

        What comes later waits for the end: an item in between would make two messages of one.
        """
        if type(self._speaking) is ReasoningWriter:
            return self._speaking
        if not self.answer.items and not self.answer.calls:
            return self._open_reasoning()
        if self.answer.afterthought is None:
            self.answer.afterthought = self._writers.reasoning()
        return self.answer.afterthought
