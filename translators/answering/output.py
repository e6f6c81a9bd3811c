"""`Output`: the fragments of answers into the items of a response.

Which events a fragment gives depends on what is open when it comes: `states.TRANSITIONS` has every case, `OpenItems`
what is open. Calls that have to be whole first are held back, and go out in the order of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from translators.answering import fragments
from translators.answering.ending import COMPLETED, ending_of
from translators.answering.fragments import Fragment
from translators.answering.open_items import OpenItems
from translators.answering.writers import NewId
from translators.asking.translate import Translation
from translators.emitter import Emitter
from translators.errors import BridgeError
from translators.items.compaction import CompactionWriter
from translators.items.message import MessageWriter
from translators.items.reasoning import ReasoningWriter
from translators.items.refused_call import RefusedCallWriter
from translators.limits import MAX_CALLS, MAX_ITEMS, too_many_calls, too_many_items
from translators.report import Adaptation
from translators.wire.finish_reasons import MAX_REASON

_REFUSAL_AS_TEXT = Adaptation("changed", "choices[0].message.refusal", "the client reads no refusals: it is text")
FINISH_REASON = "choices[0].finish_reason"


class Output(OpenItems):
    """Takes the fragments of one answer after the other.

    `failure` is why nothing more is taken of an answer, if that is so; `service_tier` what the upstream said of it.
    Those `held` wait for the checks of inputs before them.
    """

    __slots__ = ("failure", "held", "service_tier")

    def __init__(self, translation: Translation, out: Emitter, new_id: NewId, *, reads_refusals: bool) -> None:
        super().__init__(translation, out, new_id, reads_refusals=reads_refusals)
        self.failure: BridgeError | None = None
        self.service_tier: str | None = None
        self.held: list[Fragment] = []

    def __repr__(self) -> str:
        held = f" and {len(self.held)} fragments held" if self.held else ""
        return f"Output({super().__repr__()}{held})"

    def begin_answer(self, translation: Translation) -> None:
        super().begin_answer(translation)
        self.failure = None

    @property
    def passes(self) -> bool:
        """Whether nothing waits for what comes next."""
        return not (self.held or self.answer.blank)

    def take(self, found: Sequence[Fragment]) -> BridgeError | None:
        """Takes fragments up to one that fails the answer, and none behind it; gives why it does."""
        if self.failure is not None or self.closed:
            return None
        if self.held:
            self.held += found
            return None
        for index, fragment in enumerate(found):
            if type(fragment) is fragments.ToolCall and self.answer.unchecked(all_arrived=False):
                # It lets the calls before it out: whether they can go has to be known.
                self.held = [*found[index:]]
                break
            _TAKE[type(fragment)](self, fragment)
            if self.failure is not None:
                break
        if len(self._items) > MAX_ITEMS and self.failure is None:
            self.failure = too_many_items()
        return self.failure

    def take_held(self) -> BridgeError | None:
        """Goes on with what was held, now that the inputs before it have been judged."""
        held, self.held = self.held, []
        return self.take(held)

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
            said = f"'{fragment.reason[:MAX_REASON]}' is none that is known: taken for a whole answer"
            self.told.add_part(Adaptation("changed", FINISH_REASON, said))
        self.answer.ending = ending

    def _failed(self, fragment: fragments.Failed) -> None:
        self.failure = fragment.error


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
