"""`ResponseStream`: Chat chunks into the numbered events of one response.

`start`, then `feed` for every chunk, then `finish`, or `fail` at any moment; `.response` is the result.
A whole answer is a stream of one chunk. Everything that decides the order of events lives here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from translators.answering import fragments
from translators.answering.answer import Answer
from translators.answering.ending import COMPLETED, CUT_BY_LENGTH, TERMINAL, Ending, ending_of, response_error
from translators.answering.fragments import Fragment
from translators.answering.logprobs import response_logprobs
from translators.answering.reading import AnswerReader
from translators.answering.response import open_response
from translators.answering.usage import UsageSum
from translators.answering.writers import NewId, Writers
from translators.asking.translate import Translation
from translators.emitter import Emitter
from translators.errors import BridgeError, UpstreamProtocolError, bounded
from translators.ids import RESPONSE
from translators.items.call_writer import CallWriter
from translators.items.compaction import CompactionWriter, FinishedCompaction, OutputCompaction
from translators.items.message import COMMENTARY, FINAL_ANSWER, MessageWriter
from translators.items.reasoning import ReasoningWriter
from translators.items.refused_call import RefusedCallWriter
from translators.items.writer import ItemWriter
from translators.limits import MAX_CALLS, MAX_ITEMS, too_many_calls, too_many_items
from translators.recovery.reask import RejectedCall
from translators.report import Adaptation
from translators.schema import events
from translators.schema.chat import ChatChunk
from translators.schema.events import AnyEvent
from translators.schema.responses import IncompleteDetails, Response, Usage
from translators.tools import InputCheck
from translators.wire.chunk_template import Chunk, ChunkRun
from translators.wire.splice import Flow

_REFUSAL_AS_TEXT = Adaptation("changed", "choices[0].message.refusal", "the client reads no refusals: it is text")
FINISH_REASON = "choices[0].finish_reason"
CALL_ARGUMENTS = "choices[0].message.tool_calls"
_MAX_REASON = 64
# Parts of answers that are told of in one response: more helps nobody, and an upstream may make up any number.
_MAX_TOLD = 64

SpeakingWriter = TypeVar("SpeakingWriter", MessageWriter, ReasoningWriter, CompactionWriter)

_CUT_SUMMARY = Adaptation("changed", "compaction", "the summary was cut at its longest, and is taken as it is")


class ResponseStream:
    """One response. `new_id(prefix)` gives an identifier such as `msg_…`; `created_at` is in Unix seconds.

    Where its events are not `heard`, there are none: a whole answer needs the response alone. `tell` makes of an error
    what a client may hear of it.
    """

    __slots__ = (
        "_answer",
        "_held",
        "_items",
        "_reader",
        "_speaking",
        "_tell_error",
        "_told",
        "_translation",
        "_usage",
        "_writers",
        "ended",
        "error",
        "flow",
        "out",
        "response",
    )

    def __init__(
        self,
        translation: Translation,
        *,
        new_id: NewId,
        created_at: int,
        heard: bool = True,
        reads_refusals: bool = True,
        tell: Callable[[BridgeError], BridgeError] = copy,
    ) -> None:
        # Never one that has been raised: by its traceback that would hold whoever holds the stream.
        self.error: BridgeError | None = None
        self.response: Response = open_response(translation, response_id=new_id(RESPONSE), created_at=created_at)
        self.ended = False
        self.out = Emitter(heard=heard)
        self._writers = Writers(translation, self.out, new_id, reads_refusals=reads_refusals)
        self._reader = AnswerReader(translation)
        self._translation = translation
        self._tell_error = tell
        self._answer = Answer(translation)
        self._items: list[ItemWriter] = []  # of all answers
        self._held: list[Fragment] = []  # what waits for inputs to be checked
        self._speaking: MessageWriter | ReasoningWriter | CompactionWriter | None = None
        self._usage = UsageSum()
        self._told: set[Adaptation] = set()  # of the answers, not of the request
        # What was fed last, if no more need be asked of what is fed next.
        self.flow: Flow | None = None

    def answers(self, translation: Translation) -> None:
        """The answer to come is to this translation of the request, which may be the one that is known."""
        if translation is self._translation:
            return
        self.flow = None
        self._translation = self._writers.translation = translation
        self._reader = AnswerReader(translation)
        self._answer = Answer(translation)

    # --- what the shell calls --------------------------------------------------------------------

    def start(self) -> list[AnyEvent]:
        self.out.emit(events.ResponseCreated, self.response)
        if self.response.status == "queued":
            self.out.emit(events.ResponseQueued, self.response)
            self.response = msgspec.structs.replace(self.response, status="in_progress")
        self.out.emit(events.ResponseInProgress, self.response)
        return self.out.take()

    def keep_alive(self) -> list[AnyEvent]:
        """An event that changes nothing but resets the idle timers of clients, as comments do not."""
        if not self.ended:
            self.flow = None
            self.out.emit(events.ResponseInProgress, self.response)
        return self.out.take()

    def feed(self, *chunks: Chunk) -> list[AnyEvent]:
        """The events of chunks, or of runs of them; none after the end."""
        fed: list[AnyEvent] = []
        for chunk in chunks:
            fed += self._feed_run(chunk) if isinstance(chunk, ChunkRun) else self._feed_one(chunk)
        return fed

    def _feed_one(self, chunk: ChatChunk) -> list[AnyEvent]:
        self.flow = None
        self._take_all(self._reader.read(chunk))
        return self.out.take()

    def _feed_run(self, run: ChunkRun) -> list[AnyEvent]:
        """What follows a run of thoughts or words is mostly more of them, and goes where they went unread."""
        flow = self.flow
        if flow is not None and run.field == flow.field and not run.odd:
            return [self.out.go_on(flow.run, run.texts)]
        self.flow = None
        self._take_all(self._reader.read(run))
        # The reader itself keeps the arguments of calls.
        last = self.out.last_run
        speaks = last is not None and run.call is None and not self._held and not self._answer.blank
        if last is not None and speaks and self._reader.lets_pass(run):
            self.flow = Flow(run.field, last)
        return self.out.take()

    @property
    def waits(self) -> bool:
        """Whether the answers to its `checks` are needed before what was fed goes on: calls keep their order."""
        return bool(self._held)

    def flush(self) -> list[AnyEvent]:
        """The events of what was held back until it is certain that nothing more will be fed."""
        if not self.ended:
            self.flow = None
            self._take_all(self._reader.flush())
        return self.out.take()

    def checks(self, *, all_arrived: bool = False) -> list[InputCheck]:
        """What has to be found out of the inputs of calls, to be told to `judge`, in this order.

        With `all_arrived`, which says that nothing more will be fed, of all calls of the answer.
        """
        return [call.check for call in self._answer.unchecked(all_arrived=all_arrived) if call.check is not None]

    def judge(self, problems: Sequence[Sequence[str | None]], *, all_arrived: bool = False) -> list[AnyEvent]:
        """Takes what is wrong with each reading of each input, nothing for one that nobody could check, and goes on."""
        unchecked = self._answer.unchecked(all_arrived=all_arrived)
        self._answer.judge(zip(unchecked, problems, strict=True))
        held, self._held = self._held, []
        self._take_all(held)
        return self.out.take()

    def rejected_calls(self, *, said_done: bool) -> list[RejectedCall]:
        """The calls of an answer in which one breaks its grammar, or none is allowed, and none has gone out yet, when
        all has arrived.

        The model can be asked again then, and `begin_again` takes its next answer in place of those calls.
        """
        self._take_all(self._reader.flush())
        return [] if self.ended else self._answer.rejected_calls(said_done=said_done)

    @property
    def adaptations(self) -> list[Adaptation]:
        """What was reported of the request and its answer so far."""
        return self._translation.adaptations

    @property
    def thought(self) -> str:
        """All that the model thought in this answer."""
        return self._answer.thought

    def empty_end(self, *, said_done: bool) -> Ending | None:
        """How the answer ended, of which all has arrived, if it came to neither a word nor a call; else None."""
        self._take_all(self._reader.flush())
        return None if self.ended else self._answer.empty_end(said_done=said_done)

    def begin_again(self) -> None:
        """Forgets the calls that nobody has heard of; what is fed from here on is another answer."""
        self.flow = None
        self._close_speaking("completed")
        self._answer.estimate(self._usage)
        self._usage.begin_again()
        self._reader = AnswerReader(self._translation)
        self._answer = Answer(self._translation)

    def finish(self, *, said_done: bool, completed_at: int) -> list[AnyEvent]:
        """The end of the upstream's answer; `said_done` when it said `[DONE]` or was a whole answer.

        The last events are given here even where `empty_end` or `rejected_calls` came upon the end of the response.
        """
        if not self.ended:
            self._take_all(self._reader.flush())
        while self._held and not self.ended:
            # Nobody has checked these; whoever drives the stream may not want to.
            self._answer.judge((call, ()) for call in self._answer.unchecked(all_arrived=True))
            held, self._held = self._held, []
            self._take_all(held)
        if self.ended:
            return self.out.take()
        answer = self._answer
        if answer.blank and answer.is_blank:
            self._close_speaking("completed")
            self._open_message()
        ending = answer.how_ended(said_done=said_done and bool(self._items or answer.calls))
        if ending is None:
            cut = UpstreamProtocolError("The upstream's answer ended before it was finished.", code="server_error")
            return self.fail(cut, completed_at=completed_at)
        if ending is CUT_BY_LENGTH and answer.is_summary:
            ending = COMPLETED  # what there is of it is worth more to its reader than none
            self._tell(_CUT_SUMMARY)
        fault = answer.fault(ending, self._usage.said)
        if fault is not None:
            return self.fail(fault, completed_at=completed_at)
        answer.estimate(self._usage)
        for call in answer.refused:
            said = f"a call of '{bounded(call.tool.name)}', which is not among the allowed tools"
            self._tell(Adaptation("dropped", "tool_choice", said))
        self._end(ending, completed_at)
        return self.out.take()

    def fail(self, error: BridgeError, *, completed_at: int) -> list[AnyEvent]:
        """Ends the response as failed, whatever was open."""
        if not self.ended:
            self.error = copy(error)
            self._end(Ending("failed"), completed_at)
        return self.out.take()

    def insert(self, compaction: OutputCompaction, usage: Usage | None) -> list[AnyEvent]:
        """Puts out an item that was made before the answer, at a cost of its own."""
        writer = FinishedCompaction(self.out, compaction)
        self._open(writer)
        writer.close("completed")
        self._answer = Answer(self._translation)
        self._usage.spend(usage)
        return self.out.take()

    def end_without_output(self, *, completed_at: int) -> list[AnyEvent]:
        """Ends a response that the model was not asked for."""
        self._end(COMPLETED, completed_at)
        return self.out.take()

    def revoke(self, error: BridgeError) -> events.Event:
        """Instead of the last event, which has not gone out: the response could not be stored, so it failed."""
        self.error = copy(error)
        self.response = msgspec.structs.replace(
            self.response,
            status="failed",
            completed_at=None,
            incomplete_details=None,
            error=response_error(error, self._translation.error_codes),
        )
        return self.out.again(events.ResponseFailed, self.response)

    def _take_all(self, found: Sequence[Fragment]) -> None:
        if self._held:
            self._held += found
            return
        for index, fragment in enumerate(found):
            if self.ended:
                break
            if type(fragment) is fragments.ToolCall and self._answer.unchecked(all_arrived=False):
                # It lets the calls before it out: whether they can go has to be known.
                self._held = [*found[index:]]
                break
            _TAKE[type(fragment)](self, fragment)
        if len(self._items) > MAX_ITEMS and not self.ended:
            self._failed(fragments.Failed(too_many_items()))

    # --- fragments -------------------------------------------------------------------------------

    def _text(self, fragment: fragments.Text) -> None:
        if self._translation.compacts:
            self._summarize(fragment.text)
            return
        speaking = self._speaking
        if type(speaking) is not MessageWriter:
            if fragment.text.isspace():
                self._answer.blank.append(fragment)
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
                self._answer.blank += [fragments.Text(text) for text in run.texts]
                return
            speaking = self._open_message()
        speaking.text_run(run.texts)

    def _summarize(self, text: str) -> None:
        speaking = self._speaking
        writer = speaking if type(speaking) is CompactionWriter else self._open_summary()
        writer.text(text)

    def _refusal(self, fragment: fragments.Refusal) -> None:
        speaking = self._speaking
        writer = speaking if type(speaking) is MessageWriter else self._open_message()
        writer.refuse(fragment.text)
        if not self._writers.reads_refusals:
            self._tell(_REFUSAL_AS_TEXT)

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
        call = self._answer.calls.get(fragment.key)
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
        if not self._answer.items and not self._answer.calls:
            return self._open_reasoning()
        if self._answer.afterthought is None:
            self._answer.afterthought = self._writers.reasoning()
        return self._answer.afterthought

    def _image(self, fragment: fragments.Image) -> None:
        if fragment.content in self._answer.images:
            return  # said again by the end of the stream
        self._answer.images.add(fragment.content)
        self._close_speaking("completed")
        writer = self._writers.image(fragment)
        self._open(writer)
        writer.close("completed")

    def _adapted(self, fragment: fragments.Adapted) -> None:
        self._answer.unsaid = self._answer.unsaid or fragment.spoken
        self._tell(fragment.adaptation)

    def _tell(self, adaptation: Adaptation) -> None:
        """Reports what became of a part of the answer, once a response however often it comes."""
        if adaptation not in self._told and len(self._told) < _MAX_TOLD:
            self._told.add(adaptation)
            self.adaptations.append(adaptation)

    def _tool_call(self, fragment: fragments.ToolCall) -> None:
        if len(self._answer.calls) >= MAX_CALLS:
            self._failed(fragments.Failed(too_many_calls()))
            return
        call_id = self._writers.unused_call_id(fragment.id, self._answer.call_ids)
        tool = self._writers.tool(fragment.name)
        if fragment.extra is not None and self._translation.tools.allows(tool):
            speaking = self._speaking
            thought = speaking if type(speaking) is ReasoningWriter else self._open_reasoning()
            thought.keep_extra(call_id, fragment.extra)
        self._answer.blank = []
        self._close_speaking("completed")
        self._release_whole_calls()
        writer = self._writers.call(tool, call_id)
        writer.extra = fragment.extra
        self._answer.begin_call(fragment.key, writer)
        if writer.streams:
            self._open(writer)

    def _tool_arguments(self, fragment: fragments.ToolArguments) -> None:
        self._answer.call(fragment.key).arguments(fragment.delta)

    def _arguments_run(self, run: fragments.ArgumentsRun) -> None:
        self._answer.call(run.key).arguments_run(run.texts)

    def _take_usage(self, fragment: fragments.Usage) -> None:
        self._usage.take(fragment.usage)
        self._answer.usage = self._usage.said

    def _service_tier(self, fragment: fragments.ServiceTier) -> None:
        self.response = msgspec.structs.replace(self.response, service_tier=fragment.tier)

    def _finish_reason(self, fragment: fragments.Finish) -> None:
        ending = ending_of(fragment.reason)
        if ending is None:  # it still says that the answer is over
            ending = COMPLETED
            said = f"'{fragment.reason[:_MAX_REASON]}' is none that is known: taken for a whole answer"
            self._tell(Adaptation("changed", FINISH_REASON, said))
        self._answer.ending = ending

    def _failed(self, fragment: fragments.Failed) -> None:
        self.error = self._tell_error(fragment.error)
        self._end(Ending("failed"), None)

    # --- items -----------------------------------------------------------------------------------

    def _open(self, writer: ItemWriter) -> None:
        writer.open(len(self._items))
        self._items.append(writer)
        self._answer.items.append(writer)

    def _speak(self, writer: SpeakingWriter) -> SpeakingWriter:
        """Opens what goes on until something else begins."""
        self._close_speaking("completed")
        self._speaking = writer
        self._open(writer)
        return writer

    def _open_message(self) -> MessageWriter:
        """White space that came before what is visible is a part of it; alone it makes no message (case C9)."""
        writer = self._speak(self._writers.message())
        blank, self._answer.blank = self._answer.blank, []
        for fragment in blank:
            self._write(fragment, writer)
        return writer

    def _open_reasoning(self) -> ReasoningWriter:
        return self._speak(self._writers.reasoning())

    def _open_summary(self) -> CompactionWriter:
        return self._speak(self._writers.summary())

    def _close_speaking(self, status: str, *, phase: str | UnsetType = COMMENTARY) -> None:
        speaking, self._speaking = self._speaking, None
        if speaking is not None:
            if type(speaking) is MessageWriter:
                speaking.phase = phase
            speaking.close(status)

    def _release_whole_calls(self) -> None:
        """Lets the calls out that were held back and are whole, so that items keep the order of the model."""
        for call in self._answer.held_back():
            self._open(call)
            self._close_call(call)

    def _close_call(self, call: CallWriter) -> None:
        call.close("completed")
        if call.mended is not None:
            said = f"a call of '{bounded(call.tool.name)}': {call.mended}"
            self._tell(Adaptation("changed", CALL_ARGUMENTS, said))

    # --- the end ---------------------------------------------------------------------------------

    def _end(self, ending: Ending, completed_at: int | None) -> None:
        """Closes every open item and emits the terminal event."""
        self.ended = True
        self.flow = None
        whole = ending.status == "completed"
        phase = COMMENTARY if self._answer.calls else FINAL_ANSWER
        self._close_speaking(
            "completed" if whole else "incomplete", phase=UNSET if ending.status == "failed" else phase
        )
        afterthought, self._answer.afterthought = self._answer.afterthought, None
        if afterthought is not None:
            self._open(afterthought)
            afterthought.close("completed" if whole else "incomplete")
        for call in self._answer.calls.values():
            # Only a call that is certainly whole may be run by a client.
            if call.final is not None:
                continue
            if call.readable and (whole or (ending.status == "incomplete" and call.whole)):
                if not call.opened:
                    self._open(call)
                self._close_call(call)
            else:
                call.cut()
        self.response = msgspec.structs.replace(
            self.response,
            status=ending.status,
            completed_at=completed_at if whole else None,
            output=[writer.final for writer in self._items],
            error=response_error(self.error, self._translation.error_codes),
            incomplete_details=IncompleteDetails(ending.reason) if ending.reason else None,
            usage=self._usage.total(),
            service_tier="default" if self.response.service_tier == "auto" else self.response.service_tier,
        )
        self.out.emit(TERMINAL[ending.status], self.response)


# By class, not by instance: methods bound to a stream and kept in it would leave every stream to the garbage collector.
_TAKE: dict[type[Fragment], Callable[[ResponseStream, Any], None]] = {
    fragments.Text: ResponseStream._text,
    fragments.Refusal: ResponseStream._refusal,
    fragments.Reasoning: ResponseStream._reasoning,
    fragments.ReasoningDetails: ResponseStream._reasoning_details,
    fragments.Kept: ResponseStream._kept,
    fragments.Image: ResponseStream._image,
    fragments.Annotation: ResponseStream._annotation,
    fragments.ToolCall: ResponseStream._tool_call,
    fragments.CallExtra: ResponseStream._call_extra,
    fragments.ToolArguments: ResponseStream._tool_arguments,
    fragments.Usage: ResponseStream._take_usage,
    fragments.ServiceTier: ResponseStream._service_tier,
    fragments.Finish: ResponseStream._finish_reason,
    fragments.Failed: ResponseStream._failed,
    fragments.Adapted: ResponseStream._adapted,
    fragments.TextRun: ResponseStream._text_run,
    fragments.ReasoningRun: ResponseStream._reasoning_run,
    fragments.ArgumentsRun: ResponseStream._arguments_run,
}
