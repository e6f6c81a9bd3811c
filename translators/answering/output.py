"""`Output`: the fragments of answers into the items of a response, and who of them speaks.

Which events a fragment gives depends on what is open when it comes: `states.TRANSITIONS` has every case. What speaks (a
message, a thought, a summary) is open until something else begins. Calls are open to the end of the answer, since
backends interleave them; those that have to be whole first are held back, and go out in the order of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from translators.answering import fragments
from translators.answering.answer import Answer
from translators.answering.ending import COMPLETED, Ending, ending_of
from translators.answering.fragments import Fragment
from translators.answering.logprobs import response_logprobs
from translators.answering.turns import EndedAnswer
from translators.answering.usage import UsageSum
from translators.answering.writers import NewId, Writers
from translators.asking.translate import Translation
from translators.emitter import Emitter
from translators.errors import BridgeError, bounded
from translators.items.call_writer import CallWriter
from translators.items.compaction import CompactionWriter, FinishedCompaction, OutputCompaction
from translators.items.message import COMMENTARY, FINAL_ANSWER, MessageWriter
from translators.items.reasoning import ReasoningWriter
from translators.items.refused_call import RefusedCallWriter
from translators.items.writer import ItemWriter
from translators.limits import MAX_CALLS, MAX_ITEMS, too_many_calls, too_many_items
from translators.report import Adaptation, Told

_REFUSAL_AS_TEXT = Adaptation("changed", "choices[0].message.refusal", "the client reads no refusals: it is text")
FINISH_REASON = "choices[0].finish_reason"
CALL_ARGUMENTS = "choices[0].message.tool_calls"
_MAX_REASON = 64

SpeakingWriter = TypeVar("SpeakingWriter", MessageWriter, ReasoningWriter, CompactionWriter)


class Output:
    """The items of one response; `answer` is the answer that makes them now, and `told` what is reported of all.

    `failure` is why nothing more is taken, if that is so; `service_tier` what the upstream said of it.
    """

    __slots__ = (
        "_held",
        "_items",
        "_out",
        "_speaking",
        "_translation",
        "_writers",
        "answer",
        "failure",
        "service_tier",
        "told",
        "usage",
    )

    def __init__(self, translation: Translation, out: Emitter, new_id: NewId, *, reads_refusals: bool) -> None:
        self.failure: BridgeError | None = None
        self.service_tier: str | None = None
        self.told = Told()
        self.usage = UsageSum()
        self.answer = Answer(translation)
        self._translation = translation
        self._out = out
        self._writers = Writers(translation, out, new_id, self.told, reads_refusals=reads_refusals)
        self._items: list[ItemWriter] = []  # of all answers
        self._held: list[Fragment] = []  # what waits for inputs to be checked
        self._speaking: MessageWriter | ReasoningWriter | CompactionWriter | None = None

    def __repr__(self) -> str:
        speaking = "nobody" if self._speaking is None else type(self._speaking).__name__
        held = f", {len(self._held)} fragments held" if self._held else ""
        return f"Output({len(self._items)} items, {speaking} speaks, {self.answer}{held})"

    @property
    def waits(self) -> bool:
        """Whether fragments wait for the checks of inputs before them."""
        return bool(self._held)

    @property
    def passes(self) -> bool:
        """Whether nothing waits for what comes next."""
        return not (self._held or self.answer.blank)

    def take(self, found: Sequence[Fragment]) -> BridgeError | None:
        """Takes fragments up to one that fails the response; gives why it does."""
        if self._held:
            self._held += found
            return None
        for index, fragment in enumerate(found):
            if type(fragment) is fragments.ToolCall and self.answer.unchecked(all_arrived=False):
                # It lets the calls before it out: whether they can go has to be known.
                self._held = [*found[index:]]
                break
            _TAKE[type(fragment)](self, fragment)
            if self.failure is not None:
                break
        if len(self._items) > MAX_ITEMS and self.failure is None:
            self.failure = too_many_items()
        return self.failure

    def held(self) -> list[Fragment]:
        """Hands out what was held, to be taken now that the inputs before it have been judged."""
        held, self._held = self._held, []
        return held

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
        self.failure = None

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

    # --- fragments -------------------------------------------------------------------------------

    def _text(self, fragment: fragments.Text) -> None:
        if self._translation.compacts:
            self._summarize(fragment.text)
            return
        speaking = self._speaking
        if type(speaking) is not MessageWriter:
            if fragment.text.isspace():
                self.answer.blank.append(fragment)
                return
            speaking = self._open_message()
        self._write(fragment, speaking)

    def _write(self, fragment: fragments.Text, writer: MessageWriter) -> None:
        logprobs = response_logprobs(fragment.logprobs) if self._writers.with_logprobs else []
        writer.text(fragment.text, logprobs)

    def _text_run(self, run: fragments.TextRun) -> None:
        if self._translation.compacts:
            self._summarize("".join(run.texts))
            return
        speaking = self._speaking
        if type(speaking) is not MessageWriter:
            if "".join(run.texts).isspace():
                self.answer.blank += [fragments.Text(text) for text in run.texts]
                return
            speaking = self._open_message()
        speaking.text_run(run.texts)

    def _summarize(self, text: str) -> None:
        speaking = self._speaking
        writer = speaking if type(speaking) is CompactionWriter else self._speak(self._writers.summary())
        writer.text(text)

    def _refusal(self, fragment: fragments.Refusal) -> None:
        speaking = self._speaking
        writer = speaking if type(speaking) is MessageWriter else self._open_message()
        writer.refuse(fragment.text)
        if not self._writers.reads_refusals:
            self.told.add_part(_REFUSAL_AS_TEXT)

    def _annotation(self, fragment: fragments.Annotation) -> None:
        speaking = self._speaking
        writer = speaking if type(speaking) is MessageWriter else self._open_message()
        writer.annotate(fragment.annotation)

    def _reasoning(self, fragment: fragments.Reasoning) -> None:
        speaking = self._speaking
        writer = speaking if type(speaking) is ReasoningWriter else self._open_reasoning()
        writer.text(fragment.text)

    def _reasoning_run(self, run: fragments.ReasoningRun) -> None:
        speaking = self._speaking
        writer = speaking if type(speaking) is ReasoningWriter else self._open_reasoning()
        writer.text_run(run.texts)

    def _reasoning_details(self, fragment: fragments.ReasoningDetails) -> None:
        speaking = self._speaking
        writer = speaking if type(speaking) is ReasoningWriter else self._open_reasoning()
        writer.keep_details(fragment.details)

    def _kept(self, fragment: fragments.Kept) -> None:
        self._keeping().keep_fields(fragment.fields)

    def _call_extra(self, fragment: fragments.CallExtra) -> None:
        call = self.answer.calls.get(fragment.key)
        if call is None:
            return  # it has been taken for the answer itself, or left out
        call.extra = fragment.extra
        if type(call) is not RefusedCallWriter:
            self._keeping().keep_extra(call.call_id, fragment.extra)

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

    def _image(self, fragment: fragments.Image) -> None:
        if fragment.content in self.answer.images:
            return  # said again by the end of the stream
        self.answer.images.add(fragment.content)
        self._close_speaking("completed")
        writer = self._writers.image(fragment)
        self._open(writer)
        writer.close("completed")

    def _adapted(self, fragment: fragments.Adapted) -> None:
        self.answer.unsaid = self.answer.unsaid or fragment.spoken
        self.told.add_part(fragment.adaptation)

    def _tool_call(self, fragment: fragments.ToolCall) -> None:
        if len(self.answer.calls) >= MAX_CALLS:
            self.failure = too_many_calls()
            return
        call_id = self._writers.unused_call_id(fragment.id, self.answer.call_ids)
        tool = self._writers.tool(fragment.name)
        if fragment.extra is not None and self._translation.tools.allows(tool):
            speaking = self._speaking
            thought = speaking if type(speaking) is ReasoningWriter else self._open_reasoning()
            thought.keep_extra(call_id, fragment.extra)
        self.answer.blank = []
        self._close_speaking("completed")
        self._release_whole_calls()
        writer = self._writers.call(tool, call_id)
        writer.extra = fragment.extra
        self.answer.begin_call(fragment.key, writer)
        if writer.streams:
            self._open(writer)

    def _tool_arguments(self, fragment: fragments.ToolArguments) -> None:
        self.answer.call(fragment.key).arguments(fragment.delta)

    def _arguments_run(self, run: fragments.ArgumentsRun) -> None:
        self.answer.call(run.key).arguments_run(run.texts)

    def _take_usage(self, fragment: fragments.Usage) -> None:
        self.usage.take(fragment.usage)
        self.answer.usage = self.usage.said

    def _service_tier(self, fragment: fragments.ServiceTier) -> None:
        self.service_tier = fragment.tier

    def _finish_reason(self, fragment: fragments.Finish) -> None:
        ending = ending_of(fragment.reason)
        if ending is None:  # it still says that the answer is over
            ending = COMPLETED
            said = f"'{fragment.reason[:_MAX_REASON]}' is none that is known: taken for a whole answer"
            self.told.add_part(Adaptation("changed", FINISH_REASON, said))
        self.answer.ending = ending

    def _failed(self, fragment: fragments.Failed) -> None:
        self.failure = fragment.error

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


# By class, not by instance: methods bound to an output and kept in it would leave every one to the garbage collector.
_TAKE: dict[type[Fragment], Callable[[Output, Any], None]] = {
    fragments.Text: Output._text,
    fragments.Refusal: Output._refusal,
    fragments.Reasoning: Output._reasoning,
    fragments.ReasoningDetails: Output._reasoning_details,
    fragments.Kept: Output._kept,
    fragments.Image: Output._image,
    fragments.Annotation: Output._annotation,
    fragments.ToolCall: Output._tool_call,
    fragments.CallExtra: Output._call_extra,
    fragments.ToolArguments: Output._tool_arguments,
    fragments.Usage: Output._take_usage,
    fragments.ServiceTier: Output._service_tier,
    fragments.Finish: Output._finish_reason,
    fragments.Failed: Output._failed,
    fragments.Adapted: Output._adapted,
    fragments.TextRun: Output._text_run,
    fragments.ReasoningRun: Output._reasoning_run,
    fragments.ArgumentsRun: Output._arguments_run,
}
