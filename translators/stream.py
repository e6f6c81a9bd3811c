"""`ResponseStream`: Chat chunks into the numbered events of one response.

`start`, then `feed` for every chunk, then `finish`, or `fail` at any moment; `.response` is the result.
A whole answer is a stream of one chunk. Everything that decides the order of events lives here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from translators import fragments
from translators.emitter import Emitter
from translators.ending import COMPLETED, CUT_BY_LENGTH, STATUS_OF_FINISH, TERMINAL, Ending, response_error
from translators.errors import BridgeError, UpstreamError, UpstreamProtocolError
from translators.fragments import Fragment
from translators.items.call_writer import CallWriter
from translators.items.compaction import CompactionWriter, FinishedCompaction, OutputCompaction
from translators.items.message import COMMENTARY, FINAL_ANSWER, MessageWriter
from translators.items.reasoning import ReasoningWriter
from translators.items.writer import ItemWriter
from translators.logprobs import response_logprobs
from translators.reading import AnswerReader
from translators.reask import RejectedCall
from translators.report import Adaptation
from translators.request import Translation
from translators.response import open_response
from translators.runs import Chunk
from translators.schema import events
from translators.schema.events import AnyEvent
from translators.schema.responses import IncompleteDetails, Response, Usage
from translators.usage import UsageSum
from translators.writers import NewId, Writers

_ESTIMATED = Adaptation("emulated", "usage", "the upstream left counts out: four bytes were taken for a token")

SpeakingWriter = TypeVar("SpeakingWriter", MessageWriter, ReasoningWriter, CompactionWriter)


class ResponseStream:
    """One response. `new_id(prefix)` gives an identifier such as `msg_…`; `created_at` is in Unix seconds."""

    def __init__(self, translation: Translation, *, new_id: NewId, created_at: int) -> None:
        self.response: Response = open_response(translation, response_id=new_id("resp"), created_at=created_at)
        self.error: BridgeError | None = None
        self._out = Emitter()
        self._writers = Writers(translation, self._out, new_id)
        self._reader = AnswerReader(translation)
        self._translation = translation
        self._items: list[ItemWriter] = []
        self._speaking: MessageWriter | ReasoningWriter | CompactionWriter | None = None
        self._calls: dict[int, CallWriter] = {}
        self._usage = UsageSum()
        self._begins = 0  # the first item of this answer
        self._ending: Ending | None = None
        self._take: dict[type[Fragment], Callable[[Any], None]] = {
            fragments.Text: self._summary if translation.compacts else self._text,
            fragments.Refusal: self._refusal,
            fragments.Reasoning: self._reasoning,
            fragments.ReasoningDetails: self._reasoning_details,
            fragments.Annotation: self._annotation,
            fragments.ToolCall: self._tool_call,
            fragments.ToolArguments: self._tool_arguments,
            fragments.TextRun: self._summary_run if translation.compacts else self._text_run,
            fragments.ReasoningRun: self._reasoning_run,
            fragments.ArgumentsRun: self._arguments_run,
            fragments.Usage: self._take_usage,
            fragments.ServiceTier: self._service_tier,
            fragments.Finish: self._finish_reason,
            fragments.Failed: self._failed,
        }

    def answers(self, translation: Translation) -> None:
        """The answer to come is to another translation of the same request."""
        self._translation = self._writers.translation = translation
        self._reader = AnswerReader(translation)

    # --- what the shell calls --------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        return self.response.status not in ("queued", "in_progress")

    def start(self) -> list[AnyEvent]:
        self._out.emit(events.ResponseCreated, self.response)
        if self.response.status == "queued":
            self._out.emit(events.ResponseQueued, self.response)
            self.response = msgspec.structs.replace(self.response, status="in_progress")
        self._out.emit(events.ResponseInProgress, self.response)
        return self._out.take()

    def keep_alive(self) -> list[AnyEvent]:
        """An event that changes nothing but resets the idle timers of clients, as comments do not."""
        if not self.ended:
            self._out.emit(events.ResponseInProgress, self.response)
        return self._out.take()

    def feed(self, chunk: Chunk) -> list[AnyEvent]:
        """The events of one chunk, or of one run of them; none after the end."""
        for fragment in self._reader.read(chunk):
            if self.ended:
                break
            self._take[type(fragment)](fragment)
        return self._out.take()

    def rejected_calls(self, *, said_done: bool) -> list[RejectedCall]:
        """The calls of an answer in which one breaks its grammar and none has gone out yet, when all has arrived.

        The model can be asked again then, and `begin_again` takes its next answer in place of those calls.
        """
        self._flush_calls()
        ending = self._ending or (COMPLETED if said_done else None)
        calls = list(self._calls.values())
        if ending is not COMPLETED or any(call.opened for call in calls) or all(call.problem is None for call in calls):
            return []
        tools = self._translation.tools
        names = [tools.chat_name(call.tool.name, call.tool.namespace, call.tool.kind) for call in calls]
        return [
            RejectedCall(call.call_id, name, call.arguments_text, call.problem)
            for name, call in zip(names, calls, strict=True)
        ]

    @property
    def thought(self) -> str:
        """All that the model thought in this answer."""
        return "".join(item.written for item in self._items[self._begins :] if type(item) is ReasoningWriter)

    def is_silent(self, *, said_done: bool) -> bool:
        """Whether the model ended its answer, of which all has arrived, with neither a word nor a call (case R19)."""
        self._flush_calls()
        ending = self._ending or (COMPLETED if said_done else None)
        answered = self._calls or any(type(item) is not ReasoningWriter for item in self._items[self._begins :])
        return not self.ended and ending is COMPLETED and not answered

    def begin_again(self) -> None:
        """Forgets the calls that nobody has heard of; what is fed from here on is another answer."""
        self._close_speaking("completed")
        self._estimate_usage()
        self._usage.begin_again()
        self._begins = len(self._items)
        self._reader = AnswerReader(self._translation)
        self._calls = {}
        self._ending = None

    def finish(self, *, said_done: bool, completed_at: int) -> list[AnyEvent]:
        """The end of the upstream's answer; `said_done` when it said `[DONE]` or was a whole answer."""
        if self.ended:
            return []
        self._flush_calls()
        if self.ended:
            return self._out.take()
        ending = self._ending
        if ending is None and said_done and (self._items or self._calls):
            ending = COMPLETED
        if ending is None:
            cut = UpstreamProtocolError("The upstream's answer ended before it was finished.", code="server_error")
            return self.fail(cut, completed_at=completed_at)
        fault = self._fault(ending)
        if fault is not None:
            return self.fail(fault, completed_at=completed_at)
        self._estimate_usage()
        self._end(ending, completed_at)
        return self._out.take()

    def fail(self, error: BridgeError, *, completed_at: int) -> list[AnyEvent]:
        """Ends the response as failed, whatever was open."""
        if not self.ended:
            self.error = error
            self._end(Ending("failed"), completed_at)
        return self._out.take()

    def insert(self, compaction: OutputCompaction, usage: Usage | None) -> list[AnyEvent]:
        """Puts out an item that was made before the answer, at a cost of its own."""
        writer = FinishedCompaction(self._out, compaction)
        self._open(writer)
        writer.close("completed")
        self._begins = len(self._items)
        self._usage.spend(usage)
        return self._out.take()

    def end_without_output(self, *, completed_at: int) -> list[AnyEvent]:
        """Ends a response that the model was not asked for."""
        self._end(COMPLETED, completed_at)
        return self._out.take()

    def revoke(self, error: BridgeError) -> events.Event:
        """Instead of the last event, which has not gone out: the response could not be stored, so it failed."""
        self.error = error
        self.response = msgspec.structs.replace(
            self.response, status="failed", completed_at=None, incomplete_details=None, error=response_error(error)
        )
        return self._out.again(events.ResponseFailed, self.response)

    # --- fragments -------------------------------------------------------------------------------

    def _text(self, fragment: fragments.Text) -> None:
        speaking = self._speaking
        writer = speaking if type(speaking) is MessageWriter else self._open_message()
        logprobs = response_logprobs(fragment.logprobs) if self._writers.with_logprobs else []
        writer.text(fragment.text, logprobs)

    def _text_run(self, run: fragments.TextRun) -> None:
        speaking = self._speaking
        writer = speaking if type(speaking) is MessageWriter else self._open_message()
        writer.text_run(run.texts)

    def _summary(self, fragment: fragments.Text) -> None:
        speaking = self._speaking
        writer = speaking if type(speaking) is CompactionWriter else self._open_summary()
        writer.text(fragment.text)

    def _summary_run(self, run: fragments.TextRun) -> None:
        for text in run.texts:
            self._summary(fragments.Text(text))

    def _refusal(self, fragment: fragments.Refusal) -> None:
        speaking = self._speaking
        writer = speaking if type(speaking) is MessageWriter else self._open_message()
        writer.refuse(fragment.text)

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

    def _tool_call(self, fragment: fragments.ToolCall) -> None:
        call_id = self._writers.unused_call_id(fragment.id, {call.call_id for call in self._calls.values()})
        if fragment.extra is not None:
            speaking = self._speaking
            thought = speaking if type(speaking) is ReasoningWriter else self._open_reasoning()
            thought.keep_extra(call_id, fragment.extra)
        self._close_speaking("completed")
        self._release_whole_calls()
        writer = self._writers.call(fragment, call_id)
        self._calls[fragment.key] = writer
        if writer.streams:
            self._open(writer)

    def _tool_arguments(self, fragment: fragments.ToolArguments) -> None:
        self._calls[fragment.key].arguments(fragment.delta)

    def _arguments_run(self, run: fragments.ArgumentsRun) -> None:
        self._calls[run.key].arguments_run(run.texts)

    def _take_usage(self, fragment: fragments.Usage) -> None:
        self._usage.said = fragment.usage

    def _service_tier(self, fragment: fragments.ServiceTier) -> None:
        self.response = msgspec.structs.replace(self.response, service_tier=fragment.tier)

    def _finish_reason(self, fragment: fragments.Finish) -> None:
        # A reason nobody knows still says that the answer is over.
        self._ending = STATUS_OF_FINISH.get(fragment.reason, COMPLETED)

    def _failed(self, fragment: fragments.Failed) -> None:
        self.error = fragment.error
        self._end(Ending("failed"), None)

    # --- items -----------------------------------------------------------------------------------

    def _open(self, writer: ItemWriter) -> None:
        writer.open(len(self._items))
        self._items.append(writer)

    def _speak(self, writer: SpeakingWriter) -> SpeakingWriter:
        """Opens what goes on until something else begins."""
        self._close_speaking("completed")
        self._speaking = writer
        self._open(writer)
        return writer

    def _open_message(self) -> MessageWriter:
        return self._speak(self._writers.message())

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
        for call in self._calls.values():
            if not call.opened and call.whole and call.readable and call.problem is None:
                self._open(call)
                call.close("completed")

    def _flush_calls(self) -> None:
        for fragment in self._reader.flush():
            if not self.ended:
                self._take[type(fragment)](fragment)

    # --- the end ---------------------------------------------------------------------------------

    def _fault(self, ending: Ending) -> BridgeError | None:
        """Why an answer that has ended so is none."""
        if self._translation.compacts and not self._items:
            return UpstreamError("The model gave no summary.", code="server_error")
        if ending.status == "failed":
            return UpstreamError("The upstream could not finish its answer.", code=ending.error)
        said = self._usage.said
        if ending is CUT_BY_LENGTH and not self._items and said and said.completion_tokens == 0:
            # Some say so instead of refusing a prompt that fills the whole window.
            return UpstreamError("The prompt leaves no room for an answer.", code="context_length_exceeded", status=400)
        unreadable = [call for call in self._calls.values() if not call.readable]
        if unreadable and ending.status == "completed":
            name = unreadable[0].tool.name
            return UpstreamProtocolError(f"The model called '{name}' with arguments that cannot be read.")
        return self._misfit(ending)

    def _estimate_usage(self) -> None:
        """Codex compacts by these counts (case S11)."""
        translation = self._translation
        if not (translation.estimate_usage and self._usage.is_lacking):
            return
        items = self._items[self._begins :]
        thoughts = [item.written for item in items if type(item) is ReasoningWriter]
        unseen = [call.written for call in self._calls.values() if not call.opened]
        self._usage.estimate(translation.body(), [*(item.written for item in items), *unseen], thoughts)
        if _ESTIMATED not in translation.adaptations:
            translation.adaptations.append(_ESTIMATED)

    def _misfit(self, ending: Ending) -> UpstreamError | None:
        """An answer without the wanted form is reported, or is an error where nothing may be lost."""
        form = self._translation.form
        if form is None or ending is not COMPLETED or (self._calls and form.tool is None):
            return None
        messages = [item for item in self._items if type(item) is MessageWriter]
        if any(message.refused for message in messages):
            return None  # a refusal has no form
        fault = form.misfit("".join(message.said for message in messages))
        if fault is None:
            return None
        if form.refuse:
            return UpstreamError(f"The upstream's answer is not in the wanted form: {fault}.", code="server_error")
        self._translation.adaptations.append(Adaptation("dropped", "text.format", f"the answer does not fit: {fault}"))
        return None

    def _end(self, ending: Ending, completed_at: int | None) -> None:
        """Closes every open item and emits the terminal event."""
        whole = ending.status == "completed"
        phase = COMMENTARY if self._calls else FINAL_ANSWER
        self._close_speaking(
            "completed" if whole else "incomplete", phase=UNSET if ending.status == "failed" else phase
        )
        for call in self._calls.values():
            # Only a call that is certainly whole may be run by a client.
            if call.final is not None:
                continue
            if call.readable and (whole or (ending.status == "incomplete" and call.whole)):
                if not call.opened:
                    self._open(call)
                call.close("completed")
            else:
                call.cut()
        self.response = msgspec.structs.replace(
            self.response,
            status=ending.status,
            completed_at=completed_at if whole else None,
            output=[writer.final for writer in self._items],
            error=response_error(self.error),
            incomplete_details=IncompleteDetails(ending.reason) if ending.reason else None,
            usage=self._usage.total(),
            service_tier="default" if self.response.service_tier == "auto" else self.response.service_tier,
        )
        self._out.emit(TERMINAL[ending.status], self.response)
