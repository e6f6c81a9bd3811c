"""The stages of an exchange: who gives its events at the moment. There is one at a time.

    begun ─┬─▶ Answering                  the upstream answers, and is asked again where that is of no use
           ├─▶ Summarising ──▶ Answering  the history has grown too long: it is summarised, then answered
           └─▶ NoOutput                   the model is not asked

A stage is opened once, before anything is told, so that what is refused keeps its status. Then it is read until the
response has ended, or until it names the stage `then` that goes on from it. Whoever holds a stage closes it, at any
moment: that ends whatever call to an upstream is open in it.

What a stage waits for stands in a `with turn:` block, where the end of the process may interrupt it. `Answering` is the
only stage that delivers events straight from the upstream's socket, in the step in which they arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy

from msgspec import Struct

from proxy.callers import Caller
from proxy.process.aside import aside
from proxy.process.drain import Drain, ShuttingDown, Turn
from proxy.upstream.attempts import Attempts, Sender
from proxy.upstream.body import Straight
from proxy.upstream.plan import Plan
from proxy.upstream.wire import Question
from translators.answering.stream import ResponseStream
from translators.answering.turns import Again, EndedAnswer, Limits, after
from translators.asking.parse import ParsedRequest
from translators.asking.translate import Translation
from translators.errors import BridgeError, InvalidRequest, UpstreamError
from translators.history.truncation import Truncation
from translators.history.window import Window
from translators.items.compaction import OutputCompaction
from translators.report import Adaptation
from translators.schema.events import AnyEvent
from translators.schema.responses import Response, ResponsesRequest
from translators.tools import InputCheck
from translators.wire.chunk_template import Chunk
from translators.wire.splice import FrameSink

Write = Callable[[list[AnyEvent]], bool]
"""Takes events at once; whether it takes the next ones, too."""


class Asker(Struct, frozen=True):
    """Whom an exchange asks, for whom, and how often again; `clock` gives Unix seconds."""

    sender: Sender
    plan: Plan
    client_headers: Mapping[str, str]
    caller: Caller
    limits: Limits
    clock: Callable[[], float]

    def __repr__(self) -> str:
        return f"Asker({self.plan!r} for {self.caller.name!r})"  # one of the headers is the client's key

    def now(self) -> int:
        """In whole seconds, as responses have their times."""
        return int(self.clock())

    def attempts(self, question: Question) -> Attempts:
        """Translates a question for the first target. Raises InvalidRequest."""
        return Attempts(self.sender, self.plan, question, self.client_headers, self.caller)

    async def shorter(self, truncation: Truncation, parsed: ParsedRequest) -> Attempts:
        """The request that a truncation has left, and its report."""
        question = Question(parsed)
        attempts = await aside(question.size, self.attempts, question)
        attempts.report(truncation.adaptation)
        return attempts


class Stage:
    """`attempts` are those whose report, route and headers are the exchange's now."""

    then: Stage | None = None
    attempts: Attempts

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.attempts!r})"

    async def open(self) -> None:
        """Waits until there is something to tell. Raises BridgeError where there is not to be."""

    async def read(self) -> list[AnyEvent]:
        """The events that come together; behind the last ones of the response, none."""
        raise NotImplementedError

    async def deliver(self, write: Write, sink: FrameSink | None) -> None:
        """Gives `write` events in the step in which they arrive, until it answers False, or `read` has to go on.

        `sink` gets frames in the place of events that nobody else has to see.
        """

    async def aclose(self) -> None:
        await self.attempts.aclose()


class NoOutput(Stage):
    """The model is not asked: the response has no output, and can be continued."""

    def __init__(self, asker: Asker, attempts: Attempts, stream: ResponseStream) -> None:
        self.attempts = attempts
        self._asker = asker
        self._stream = stream

    async def read(self) -> list[AnyEvent]:
        return [] if self._stream.ended else self._stream.end_without_output(completed_at=self._asker.now())


class Answering(Stage):
    """The answers of an upstream, into `stream`.

    With a `truncation` the request is made shorter each time that it is refused for its length.
    """

    def __init__(
        self,
        asker: Asker,
        attempts: Attempts,
        stream: ResponseStream,
        turn: Turn,
        truncation: Truncation | None = None,
    ) -> None:
        self.attempts = attempts
        self._asker = asker
        self._stream = stream
        self._turn = turn
        self._limits = asker.limits  # those that are left
        self._truncation = truncation
        self._last: list[AnyEvent] = []  # of the response, where they came while it was being delivered

    async def open(self) -> None:
        """Raises UpstreamError where the upstream refuses, for its length only when nothing more can be left out."""
        while True:
            try:
                await self.attempts.open()
                break
            except UpstreamError as error:
                shorter = None if self._truncation is None else self._truncation.after(error)
                if self._truncation is None or shorter is None:
                    raise
                self.attempts = await self._asker.shorter(self._truncation, shorter)
                await self.attempts.load_grammars()
        self._stream.begin_answer(self.attempts.translation)

    async def read(self) -> list[AnyEvent]:
        stream = self._stream
        if stream.ended:
            events, self._last = self._last, []
        else:
            try:
                events = await self._next()
            except BridgeError as error:
                events = stream.fail(error, completed_at=self._asker.now())
        if stream.ended:
            self.attempts.ended(well=stream.error is None)
        return events

    async def _next(self) -> list[AnyEvent]:
        """No event is made and then kept waiting: a keep-alive would overtake it."""
        stream = self._stream
        while True:
            if stream.waits:
                if (failure := stream.failure) is None:
                    events = stream.judge(await self._check(stream.checks()))
                elif await self._move(failure):
                    continue
                else:
                    return stream.finish(said_done=False, completed_at=self._asker.now())
            else:
                with self._turn:
                    chunks = await self.attempts.read()
                if chunks:
                    events = stream.feed(*chunks)
                elif not (events := await self._rest()):
                    said_done = self.attempts.said_done
                    if await self._ask_again(stream.end_answer(said_done=said_done)):
                        continue
                    return stream.finish(said_done=said_done, completed_at=self._asker.now(), limits=self._limits)
            if events or stream.ended:
                return events

    async def _move(self, error: BridgeError) -> bool:
        """Whether another attempt answers in the place of one that failed before it had said anything."""
        if not isinstance(error, UpstreamError):
            return False
        with self._turn:
            moved = await self.attempts.move(error)
        if moved:
            self._stream.begin_answer(self.attempts.translation)
        return moved

    async def _check(self, inputs: Sequence[InputCheck]) -> list[Sequence[str | None]]:
        with self._turn:
            return await self.attempts.check(inputs)

    async def _rest(self) -> list[AnyEvent]:
        """What is left to be told before an answer that has arrived ends; its calls have been checked then."""
        stream = self._stream
        events = stream.flush()
        while not events and not stream.ended and (checks := stream.checks(all_arrived=True)):
            events = stream.judge(await self._check(checks), all_arrived=True)
        return events

    async def _ask_again(self, answer: EndedAnswer | None) -> bool:
        """Whether the upstream gives another answer, since this one cannot stand. Where it refuses, that must do."""
        follows = None if answer is None else after(answer, self._limits)
        if not isinstance(follows, Again):
            return False
        try:
            with self._turn:
                await self.attempts.ask(self.attempts.question.going_on(follows.pieces), follows.adaptation)
        except (UpstreamError, InvalidRequest):
            return False
        self._limits = follows.limits
        self._stream.begin_answer(self.attempts.translation)
        return True

    async def deliver(self, write: Write, sink: FrameSink | None) -> None:
        stream = self._stream
        if stream.ended or stream.waits:
            return

        def take(chunks: list[Chunk]) -> bool:
            events = stream.feed(*chunks)
            if stream.ended:
                self._last = events
                return False
            return (not events or write(events)) and not stream.waits

        try:
            with self._turn:
                await self.attempts.deliver(take, None if sink is None else Straight(stream, sink))
        except ShuttingDown:
            return  # `read` tells of it


class Summarising(Stage):
    """Makes room first: the answer is asked for with a summary in the place of what that covers.

    The summary is an answer to a question of its own, in a response that nobody hears of; `new_stream` makes that. It
    is made within the turn of the exchange, and its tokens are counted with the answer.
    """

    def __init__(
        self,
        window: Window,
        asker: Asker,
        attempts: Attempts,
        stream: ResponseStream,
        turn: Turn,
        new_stream: Callable[[Translation], ResponseStream],
    ) -> None:
        self.attempts = attempts
        self._window = window
        self._params = attempts.translation.params
        self._asker = asker
        self._stream = stream
        self._turn = turn
        self._new_stream = new_stream
        self._under_way: Stage | None = None  # the summary, then the answer
        self._summary: Response | None = None

    async def open(self) -> None:
        """Raises BridgeError where there is no summary, and where the request with it is refused."""
        self._summary = summary = await self._summarise()
        reported = self.attempts.adaptations
        compacted = self._window.compacted(self._params, _compaction_of(summary))
        self.attempts = await self._ask(compacted, reported)
        await self.attempts.load_grammars()
        self._under_way = Answering(self._asker, self.attempts, self._stream, self._turn)
        await self._under_way.open()

    async def _summarise(self) -> Response:
        attempts = await self._ask(self._window.to_summarise(self._params))
        stream = self._new_stream(attempts.translation)
        turn = Turn(Drain())  # never begun, nor ended: the exchange's own is under way around it
        making = Answering(self._asker, attempts, stream, turn)
        self._under_way = making
        await making.open()
        while not stream.ended:
            await making.read()
        await making.aclose()
        if stream.error is not None:
            raise copy(stream.error)
        return stream.response

    async def _ask(self, params: ResponsesRequest, reported: Sequence[Adaptation] = ()) -> Attempts:
        question = Question(ParsedRequest.of(params))
        attempts = await aside(question.size, self._asker.attempts, question)
        for adaptation in reported:
            if adaptation not in attempts.adaptations:
                attempts.report(adaptation)
        return attempts

    async def read(self) -> list[AnyEvent]:
        """The summary, and behind it the answer goes on."""
        if self._stream.ended:
            return []
        assert self._summary is not None, "the stage has not been opened"
        self.then = self._under_way
        return self._stream.insert(_compaction_of(self._summary), self._summary.usage)

    async def aclose(self) -> None:
        """The question that was too long has never been sent."""
        if self._under_way is not None:
            await self._under_way.aclose()


def _compaction_of(summary: Response) -> OutputCompaction:
    """The item that stands for what it sums up; a model that thinks puts its thoughts before it."""
    return next(item for item in summary.output if type(item) is OutputCompaction)
