"""`ResponseStream`: Chat chunks into the numbered events of one response.

A response is made of one or more answers of the model, one after the other, each to a translation of its own. It holds:

- the `response` as it stands, and of its end whether it has `ended` and the `error` it failed with,
- the reader of the answer at hand, which makes fragments of chunks (`reading`),
- the output, which makes items of fragments (`output`),
- what the last answer came to, from its end to the beginning of the next one (`turns.EndedAnswer`),
- `out`, which numbers events (`emitter`), and `flow`, by which more of the same goes straight there.

`states` has its states and transitions as tables. Whoever drives it calls

    start, feed …, flush, end_answer ┬─▶ finish
              ▲                      │
              └──── begin_answer ◀───┘        and fail at any moment

and decides between the two by `turns.after`. Where `waits` is true, `checks` have to be answered by `judge` before what
was fed goes on. A whole answer is a stream of one chunk. Every step gives the events that are to go out now; all that
decides their order is here and in `output`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy

import msgspec

from translators.answering.ending import COMPLETED, TERMINAL, Ending, response_error
from translators.answering.output import Output
from translators.answering.reading import AnswerReader
from translators.answering.response import open_response
from translators.answering.states import Life
from translators.answering.turns import NEVER_AGAIN, Again, EndedAnswer, Fault, Limits, after
from translators.answering.writers import NewId
from translators.asking.translate import Translation
from translators.emitter import Emitter
from translators.errors import BridgeError
from translators.ids import RESPONSE
from translators.items.compaction import OutputCompaction
from translators.report import Adaptation
from translators.schema import events
from translators.schema.chat import ChatChunk
from translators.schema.events import AnyEvent
from translators.schema.responses import IncompleteDetails, Response, Usage
from translators.tools import InputCheck
from translators.wire.chunk_template import Chunk, ChunkRun
from translators.wire.splice import Flow

_FAILED = Ending("failed")


class ResponseStream:
    """One response. `new_id(prefix)` gives an identifier such as `msg_…`; `created_at` is in Unix seconds.

    Where its events are not `heard`, there are none: a whole answer needs the response alone. `tell` makes of an error
    what a client may hear of it.
    """

    __slots__ = (
        "_last",
        "_output",
        "_reader",
        "_started",
        "_tell_error",
        "_translation",
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
        self._started = False
        self._translation = translation
        self._reader = AnswerReader(translation)
        self._output = Output(translation, self.out, new_id, reads_refusals=reads_refusals)
        self._last: EndedAnswer | None = None  # between two answers
        self._tell_error = tell
        # What was fed last, if no more need be asked of what is fed next.
        self.flow: Flow | None = None

    def __repr__(self) -> str:
        return f"ResponseStream({self.response.id}, {self.life.value}, {self.out}, {self._output})"

    @property
    def life(self) -> Life:
        """How far it has come (see `states`)."""
        if self.ended:
            return Life.ENDED
        if self._last is not None:
            return Life.BETWEEN
        return Life.ANSWERING if self._started else Life.MADE

    # --- the response begins ---------------------------------------------------------------------

    def start(self) -> list[AnyEvent]:
        self._started = True
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
            if self._output.service_tier is not None:
                self.response = msgspec.structs.replace(self.response, service_tier=self._output.service_tier)
            self.out.emit(events.ResponseInProgress, self.response)
        return self.out.take()

    def insert(self, compaction: OutputCompaction, usage: Usage | None) -> list[AnyEvent]:
        """Puts out an item that was made before the answer, at a cost of its own."""
        self._output.insert(compaction)
        self._output.usage.spend(usage)
        return self.out.take()

    @property
    def told(self) -> list[Adaptation]:
        """What was reported of its answers so far, beyond the adaptations of the request."""
        return self._output.told

    @property
    def adaptations(self) -> list[Adaptation]:
        """What was reported of the request, as the answer at hand answers it, and of all answers so far."""
        told = self._output.told
        return [*self._translation.adaptations, *told] if told else self._translation.adaptations

    # --- an answer -------------------------------------------------------------------------------

    def begin_answer(self, translation: Translation) -> None:
        """What is fed from here on answers `translation`.

        An answer that has ended is left then: what it said stays, its tokens are counted, and those of its calls that
        nobody has heard of are forgotten. One that failed before it said anything leaves nothing. Where none has ended,
        the request may have been translated anew meanwhile.
        """
        last, self._last = self._last, None
        if last is not None:
            self._output.leave_answer(last)
        elif translation is self._translation:
            return
        self.flow = None
        self._translation = translation
        self._reader = AnswerReader(translation)
        self._output.begin_answer(translation)

    def feed(self, *chunks: Chunk) -> list[AnyEvent]:
        """The events of chunks, or of runs of them; none after the end."""
        fed: list[AnyEvent] = []
        for chunk in chunks:
            fed += self._feed_run(chunk) if isinstance(chunk, ChunkRun) else self._feed_one(chunk)
        return fed

    def _feed_one(self, chunk: ChatChunk) -> list[AnyEvent]:
        self.flow = None
        if (failure := self._output.take(self._reader.read(chunk))) is not None:
            self._failed(failure)
        return self.out.take()

    def _feed_run(self, run: ChunkRun) -> list[AnyEvent]:
        """What follows a run of thoughts or words is mostly more of them, and goes where they went unread."""
        flow = self.flow
        if flow is not None and run.field == flow.field and not run.odd:
            return [self.out.go_on(flow.run, run.texts)]
        self.flow = None
        if (failure := self._output.take(self._reader.read(run))) is not None:
            self._failed(failure)
        # The reader itself keeps the arguments of calls.
        last = self.out.last_run
        if last is not None and run.call is None and self._output.passes and self._reader.lets_pass(run):
            self.flow = Flow(run.field, last)
        return self.out.take()

    def _failed(self, failure: BridgeError) -> None:
        """The end of the response, unless the answer has said nothing: another may take its place."""
        told = self._tell_error(failure)
        if self.says_nothing:
            self._last = EndedAnswer(None, told)
        else:
            self.error = told
            self._end(_FAILED, None)

    @property
    def says_nothing(self) -> bool:
        """Whether nothing has come of the answer at hand that anybody could have heard of."""
        return self._output.answer.says_nothing

    @property
    def failure(self) -> BridgeError | None:
        """Why the last answer failed, which said nothing: another may take its place, else the response is finished."""
        return None if self._last is None or self._last.ending is not None else self._last.fault

    @property
    def waits(self) -> bool:
        """Whether nothing more can be fed now.

        The answers to its `checks` are needed before what was fed goes on, since calls keep their order; or the answer
        has ended with a `failure`.
        """
        return self._last is not None or bool(self._output.held)

    def flush(self) -> list[AnyEvent]:
        """The events of what was held back until it is certain that nothing more will be fed."""
        self._flush()
        return self.out.take()

    def _flush(self) -> None:
        if not self.ended:
            self.flow = None
            if (failure := self._output.take(self._reader.flush())) is not None:
                self._failed(failure)

    def _go_on(self) -> None:
        """Takes what was held, now that the inputs before it have been judged."""
        if (failure := self._output.take_held()) is not None:
            self._failed(failure)

    def checks(self, *, all_arrived: bool = False) -> list[InputCheck]:
        """What has to be found out of the inputs of calls, to be told to `judge`, in this order.

        With `all_arrived`, which says that nothing more will be fed, of all calls of the answer.
        """
        unchecked = self._output.answer.unchecked(all_arrived=all_arrived)
        return [call.check for call in unchecked if call.check is not None]

    def judge(self, problems: Sequence[Sequence[str | None]], *, all_arrived: bool = False) -> list[AnyEvent]:
        """Takes what is wrong with each reading of each input, nothing for one that nobody could check, and goes on."""
        answer = self._output.answer
        answer.judge(zip(answer.unchecked(all_arrived=all_arrived), problems, strict=True))
        self._go_on()
        return self.out.take()

    def end_answer(self, *, said_done: bool) -> EndedAnswer | None:
        """What the answer has come to, of which all has arrived; `said_done` when the upstream said `[DONE]` or gave a
        whole answer. None where the response has ended: what was left of the answer may say so.

        The events of that are given by the next step.
        """
        if self._last is None and not self.ended:
            self._flush()
            while self._output.held and not self.ended:
                # Nobody has checked these; whoever drives the stream may not want to.
                answer = self._output.answer
                answer.judge((call, ()) for call in answer.unchecked(all_arrived=True))
                self._go_on()
            if self._last is None and not self.ended:
                self._last = self._output.end_answer(said_done=said_done)
        return None if self.ended else self._last

    # --- the response ends -----------------------------------------------------------------------

    def finish(self, *, said_done: bool, completed_at: int, limits: Limits = NEVER_AGAIN) -> list[AnyEvent]:
        """Ends the response by its last answer. `limits` say whether that may be empty; nobody asks again."""
        last = self.end_answer(said_done=said_done)
        if last is None:
            return self.out.take()
        follows = after(last, limits)
        if isinstance(follows, Again):
            follows = after(last, limits.spent())
        if isinstance(follows, Fault):
            return self.fail(follows.error, completed_at=completed_at)
        assert last.ending is not None, "an answer that broke off has a fault"
        self._output.stand(last)
        self._end(last.ending, completed_at)
        return self.out.take()

    def fail(self, error: BridgeError, *, completed_at: int) -> list[AnyEvent]:
        """Ends the response as failed, whatever was open."""
        if not self.ended:
            self.error = copy(error)
            self._end(_FAILED, completed_at)
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

    def _end(self, ending: Ending, completed_at: int | None) -> None:
        """Closes every open item and emits the terminal event."""
        self.ended = True
        self.flow = None
        output = self._output.close(ending)
        tier = self._output.service_tier or self.response.service_tier
        self.response = msgspec.structs.replace(
            self.response,
            status=ending.status,
            completed_at=completed_at if ending.status == "completed" else None,
            output=output,
            error=response_error(self.error, self._translation.error_codes),
            incomplete_details=IncompleteDetails(ending.reason) if ending.reason else None,
            usage=self._output.usage.total(),
            service_tier="default" if tier == "auto" else tier,
        )
        self.out.emit(TERMINAL[ending.status], self.response)
