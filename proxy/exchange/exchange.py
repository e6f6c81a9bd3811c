"""`Exchange`: the life of one request, from its body to the last event of its response.

Made: parsed, routed, translated. Opened: the upstream has answered. `read()` then gives what the client
gets, batch by batch; a plain answer is the same with nobody to hear them. A response is stored before its
last event leaves. Closed: so is the upstream.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cached_property, partial
from typing import Self

import msgspec
from msgspec import Raw, Struct

from proxy.config import StoreSettings
from proxy.ids import NewId, ResponseIds
from proxy.inbound.access import Caller
from proxy.inbound.clients import reads_refusals
from proxy.models.catalogue import facts_of
from proxy.models.facts import UpstreamModels
from proxy.process.aside import aside
from proxy.process.drain import Drain, ShuttingDown, Turn
from proxy.state.conversation_locks import ConversationLocks
from proxy.state.history import NO_HISTORY, ConnectionMemory, History, recall, resolve_references
from proxy.state.named_conversations import name_conversation
from proxy.state.recording import Recorder
from proxy.state.sink import Foreground, Keeper
from proxy.store import Store, StoreError
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.observer import Observer
from proxy.upstream.attempts import Attempts, Sender
from proxy.upstream.body import Straight
from proxy.upstream.plan import Route
from proxy.upstream.recognition import Recognition
from proxy.upstream.routing import Router
from proxy.upstream.wire import Question
from translators.answering.stream import ResponseStream
from translators.answering.turns import NEVER_AGAIN, Again, EndedAnswer, Limits, after
from translators.asking.translate import ParsedRequest, parse_request
from translators.errors import BridgeError, InvalidRequest, UpstreamError
from translators.history.continuation import goes_on, leave_out_resent, naming
from translators.history.references import references
from translators.history.truncation import Truncation
from translators.history.window import Window, is_over, threshold_of, window_of
from translators.items.compaction import OutputCompaction
from translators.report import Adaptation
from translators.schema.events import AnyEvent
from translators.schema.responses import Response, ResponsesRequest
from translators.tools import InputCheck
from translators.wire.chunk_template import Chunk
from translators.wire.splice import FrameSink

_log = logging.getLogger(__name__)

# Stands for no input where nothing is to be answered, so that there is something to translate.
NO_INPUT = Raw(b'""')


class Services(Struct, frozen=True):
    """What every exchange needs; `clock` gives Unix seconds, `new_id(prefix)` an identifier."""

    router: Router
    recognition: Recognition
    metrics: Metrics
    observer: Observer
    sender: Sender
    clock: Callable[[], float]
    new_id: NewId
    max_depth: int
    store: Store
    store_settings: StoreSettings
    locks: ConversationLocks
    upstream_models: UpstreamModels
    error_codes: Mapping[str, str]
    """Other names for the codes of errors, by our own."""
    drain: Drain


class Exchange:
    """Made by `begin`; the caller may read what it goes on from, and owns what it leaves behind."""

    @classmethod
    async def begin(
        cls,
        services: Services,
        body: bytes,
        client_headers: Mapping[str, str],
        caller: Caller,
        *,
        remembered: ConnectionMemory | None = None,
        generate: bool = True,
        internal: bool = False,
        mended: tuple[str, ...] = (),
    ) -> Self:
        """With `generate` false the model is not called: the response has no output and can be continued. An
        `internal` one is never stored, whatever it asks for. `mended` names fields that held halves of surrogate pairs.

        Raises BridgeError for a body that is no request, and for a model or a response that is not known."""
        parsed = await aside(len(body), parse_request, body, max_depth=services.max_depth)
        if mended:
            parsed = msgspec.structs.replace(parsed, mended=mended)
        if services.router.undecided:
            await services.recognition.wait_for(
                services.router.route(parsed.params.model, caller.may_use).upstream_name, client_headers
            )
        past = NO_HISTORY
        if goes_on(parsed.params):
            locks = None if internal or parsed.params.store is False else services.locks
            past = await recall(parsed.params, services.store, caller, remembered, locks)
        try:
            if referred := references(parsed.items):
                limit = services.store_settings.max_references
                parsed = await resolve_references(parsed, referred, services.store, caller, past, limit)
            parsed = leave_out_resent(parsed, past.items)
            if services.store_settings.conversations == "always" and not (internal or parsed.params.store is False):
                now = int(services.clock())
                past = await name_conversation(
                    past, caller, services.store, services.locks, new_id=services.new_id, now=now
                )
                parsed = naming(parsed, past.conversation)
            exchange = await cls._made(
                services, parsed, past, client_headers, caller, generate=generate, internal=internal
            )
            await exchange._call.load_grammars()
            return exchange
        except BaseException:
            if past.lock is not None:
                await past.lock.release()
            raise

    @classmethod
    async def _made(
        cls,
        services: Services,
        parsed: ParsedRequest,
        past: History,
        client_headers: Mapping[str, str],
        caller: Caller,
        *,
        generate: bool,
        internal: bool,
    ) -> Self:
        asked = parsed
        if not generate and bytes(parsed.params.input) in (b"null", b"[]"):
            asked = msgspec.structs.replace(parsed, params=msgspec.structs.replace(parsed.params, input=NO_INPUT))
        size = memoryview(asked.params.input).nbytes
        exchange = await aside(size, cls, services, asked, past, client_headers, caller)
        exchange._asked = parsed.params
        exchange._generates = generate
        if internal:
            exchange.stored = False
            exchange._limits = NEVER_AGAIN
        else:
            _check_storing(exchange.params, past, services.store_settings)
            threshold = threshold_of(exchange.params)
            if generate and threshold is not None and is_over(threshold, exchange.chat):
                exchange._window = window_of(exchange.params, past.items)
            if generate and exchange._window is None and exchange.params.truncation == "auto":
                await exchange._begin_truncation(asked)
        return exchange

    def __init__(
        self,
        services: Services,
        parsed: ParsedRequest,
        past: History,
        client_headers: Mapping[str, str],
        caller: Caller,
    ) -> None:
        self._plan = services.router.plan(parsed.params.model, caller.may_use)
        self.caller = caller
        self.streamed = bool(parsed.params.stream)
        self._services = services
        self._client_headers = client_headers
        self._call = self._asked_for(Question(parsed, past.decoded()))
        translation = self._call.translation
        self.params: ResponsesRequest = translation.params
        self.past = past
        self.stored = translation.params.store is not False
        self.background = bool(translation.params.background)
        self._new_id = ResponseIds(services.new_id)
        self._asked = parsed.params  # as the client put it
        self._generates = True
        self._unanswered = "abandoned"
        self._window: Window | None = None
        self._summary: Response | None = None
        self._truncation: Truncation | None = None
        self._last: list[AnyEvent] = []
        self._settled = False
        self._turn = Turn(services.drain)
        self._clock = services.clock
        self._stream = ResponseStream(
            translation,
            new_id=self._new_id,
            created_at=int(services.clock()),
            heard=self.streamed or self.background,
            reads_refusals=reads_refusals(client_headers),
            tell=partial(services.sender.upstreams.told, self.route, client_headers),
        )
        settings = self.route.settings
        self._limits = Limits.of(grammar_retries=settings.grammar_retries, empty_retries=settings.empty_retries)

    def _asked_for(self, question: Question) -> Attempts:
        return Attempts(self._services.sender, self._plan, question, self._client_headers, self.caller)

    @cached_property
    def recorder(self) -> Recorder:
        return Recorder(self._asked, self.past, self.past.owner or self.caller.owner, self._new_id)

    @cached_property
    def keeper(self) -> Keeper:
        with_events = self.streamed and self._services.store_settings.keep_events == "all"
        return Foreground(self._services.store, with_events=with_events)

    @property
    def route(self) -> Route:
        """The way to the upstream that answers, or is to be asked."""
        return self._call.route

    @property
    def adaptations(self) -> list[Adaptation]:
        """What was reported so far, of the request and of its answers."""
        told = self._stream.told
        return [*self._call.adaptations, *told] if told else self._call.adaptations

    @property
    def chat(self) -> bytes:
        """The Chat request as it stands."""
        return self._call.translation.body()

    @property
    def response(self) -> Response:
        return self._stream.response

    @property
    def ended(self) -> bool:
        return self._stream.ended

    @property
    def error(self) -> BridgeError | None:
        """Why the response failed, if it did; to be raised, and so another each time (see `ResponseStream.error`)."""
        error = self._stream.error
        return None if error is None else copy(error)

    @property
    def client_headers(self) -> Mapping[str, str]:
        return self._client_headers

    @property
    def headers(self) -> Mapping[str, str]:
        """The upstream's headers that travel back."""
        return self._call.headers

    async def open(self) -> None:
        """Waits for the upstream's first answer. Raises UpstreamError where it refuses, and ShuttingDown."""
        self._turn.begin()
        try:
            with self._turn:
                if self._window is not None:
                    await self._summarise(self._window)
                if self._generates:
                    await self._open_call()
        except BridgeError:
            self._unanswered = "refused"
            await self._free()
            raise

    async def _open_call(self) -> None:
        """Raises UpstreamError where the upstream refuses, for its length only when nothing more can be left out."""
        try:
            await self._call.open()
            self._stream.begin_answer(self._call.translation)
        except UpstreamError as error:
            shorter = None if self._truncation is None else self._truncation.after(error)
            if shorter is None:
                raise
            self._send_shorter(shorter)
            await self._call.load_grammars()
            await self._open_call()

    async def _begin_truncation(self, parsed: ParsedRequest) -> None:
        """Leaves out what is known to be too long already."""
        self._truncation = truncation = Truncation(parsed, self.past.items)
        asked = [self.route.upstream_name] if self.route.upstream.kind == "chat" else []
        said = await self._services.upstream_models.facts(asked, self._client_headers)
        window = facts_of(self.route, said).context_window
        shorter = None if window is None else truncation.to_fit(self._call.translation, window)
        if shorter is not None:
            self._send_shorter(shorter)

    def _send_shorter(self, parsed: ParsedRequest) -> None:
        assert self._truncation is not None, "nothing else shortens a request"
        self._call = self._asked_for(Question(parsed))
        self._call.report(self._truncation.adaptation)

    async def _summarise(self, window: Window) -> None:
        """Makes room first: the answer is asked for with a summary in the place of what that covers."""
        parsed = ParsedRequest.of(window.to_summarise(self.params))
        exchange = Exchange(self._services, parsed, NO_HISTORY, self._client_headers, self.caller)
        exchange.stored = False
        try:
            await exchange._open_call()  # within this turn; it has none of its own
            while not exchange.ended:
                await exchange.read()
        finally:
            await exchange._call.aclose()  # its tokens are counted with the answer
        if exchange.error is not None:
            raise exchange.error
        self._summary = exchange.response
        compacted = ParsedRequest.of(window.compacted(self.params, _compaction_of(self._summary)))
        reported = self.adaptations
        self._call = self._asked_for(Question(compacted))
        for adaptation in reported:
            if adaptation not in self.adaptations:
                self._call.report(adaptation)
        await self._call.load_grammars()

    def start(self) -> list[AnyEvent]:
        return self._seen(self._stream.start())

    def keep_alive(self) -> list[AnyEvent]:
        return self._seen(self._stream.keep_alive())

    async def fail(self, error: BridgeError) -> list[AnyEvent]:
        return await self._kept(self._stream.fail(error, completed_at=self._now()))

    async def read(self) -> list[AnyEvent]:
        """Events behind the first two: those together that arrived together, and none behind the terminal one."""
        stream = self._stream
        if stream.ended:
            last, self._last = self._last, []
            return await self._kept(last)
        if not self._generates:
            return await self._kept(stream.end_without_output(completed_at=self._now()))
        if self._summary is not None:
            summary, self._summary = self._summary, None
            return self._seen(stream.insert(_compaction_of(summary), summary.usage))
        try:
            while True:
                # No event is made and then kept waiting: a keep-alive would overtake it.
                if stream.waits:
                    events = stream.judge(await self._check(stream.checks()))
                else:
                    with self._turn:
                        chunks = await self._call.read()
                    if chunks:
                        events = stream.feed(*chunks)
                    elif not (events := await self._after_all()):
                        said_done = self._call.said_done
                        if await self._ask_again(stream.end_answer(said_done=said_done)):
                            continue
                        events = stream.finish(said_done=said_done, completed_at=self._now(), limits=self._limits)
                if stream.ended:
                    return await self._kept(events)
                if events:
                    return self._seen(events)
        except BridgeError as error:
            return await self.fail(error)

    async def _check(self, inputs: Sequence[InputCheck]) -> list[Sequence[str | None]]:
        with self._turn:
            return await self._call.check(inputs)

    async def _after_all(self) -> list[AnyEvent]:
        """What is left to be told before an answer that has arrived ends; its calls have been checked then."""
        stream = self._stream
        events = stream.flush()
        while not events and not stream.ended and (checks := stream.checks(all_arrived=True)):
            events = stream.judge(await self._check(checks), all_arrived=True)
        return events

    async def pour(self, write: Callable[[list[AnyEvent]], bool], sink: FrameSink | None) -> None:
        """Gives `write` events in the step in which they arrive, until it answers False, or `read` has to go on.

        `sink` gets frames in the place of events that nobody else has to see.
        """

        def take(chunks: list[Chunk]) -> bool:
            events = stream.feed(*chunks)
            if stream.ended:
                self._last = events
                return False
            return (not events or write(self._seen(events))) and not stream.waits

        stream = self._stream
        if self._generates and self._summary is None and not stream.ended and not stream.waits:
            seen = self.stored and self.keeper.wants_events
            try:
                with self._turn:
                    await self._call.deliver(take, None if sink is None or seen else Straight(stream, sink))
            except ShuttingDown:
                return  # `read` tells of it

    def _seen(self, events: list[AnyEvent]) -> list[AnyEvent]:
        if self.stored and self.keeper.wants_events:
            self.keeper.on_events(events)
        return events

    async def _kept(self, events: list[AnyEvent]) -> list[AnyEvent]:
        """The last events, once the response is stored; where it cannot be, the last of them says so."""
        self._call.ended(well=self._stream.error is None)
        told = self.streamed or self.background or self._stream.error is None  # else its id never reaches anybody
        if not self._settled and self.stored and told:
            self._settled = True
            events = await self._store(events)
        await self._free()
        return events

    async def begin_conversation(self) -> None:
        """Makes the conversation that the response names, where it begins with it. Raises StoreError."""
        if self.past.beginning is not None:
            beginning = self.past.beginning
            await self._services.store.create_conversation(beginning.conversation, beginning.items)

    async def _store(self, events: list[AnyEvent]) -> list[AnyEvent]:
        try:
            if not self.background:
                await self.begin_conversation()
            await self.keeper.keep(await self.recorder.record_aside(self._stream.response), events)
        except StoreError as error:
            if self.background or self._services.store_settings.on_failure == "refuse":
                return [*events[:-1], self._stream.revoke(error)]
            self._call.report(Adaptation("dropped", "store", f"the response is not stored: {error.reason}"))
            _log.error("an answer was given that is not stored", extra={"response": self.response.id})
        return events

    async def _free(self) -> None:
        """Lets the next response have the conversation, at whichever end comes first."""
        if self.past.lock is not None:
            await self.past.lock.release()

    async def _ask_again(self, answer: EndedAnswer | None) -> bool:
        """Whether the upstream gives another answer, since this one cannot stand. Where it refuses, that must do."""
        follows = None if answer is None else after(answer, self._limits)
        if not isinstance(follows, Again):
            return False
        try:
            with self._turn:
                await self._call.ask(self._call.question.going_on(follows.pieces), follows.adaptation)
        except (UpstreamError, InvalidRequest):
            return False
        self._limits = follows.limits
        self._stream.begin_answer(self._call.translation)
        return True

    async def close(self) -> None:
        """Once, however it ended."""
        self._turn.close()
        status = self.response.status if self.ended else self._unanswered
        self._services.metrics.count(self.route.upstream_name, status, self.response, self.adaptations)
        await self._call.aclose()
        await self._free()

    def _now(self) -> int:
        return int(self._clock())


def _check_storing(params: ResponsesRequest, past: History, settings: StoreSettings) -> None:
    if params.store is not False:
        return
    if params.background:
        raise InvalidRequest(
            "A background response has to be stored: 'background' needs 'store' to be true.",
            param="background",
            code="unsupported_parameter",
        )
    named = "previous_response_id" if past.parent is not None else "conversation"
    if settings.unstored_continuation == "refuse" and (past.parent or past.conversation):
        raise InvalidRequest(
            f"'{named}' cannot be used with 'store' set to false here.", param=named, code="unsupported_parameter"
        )


def _compaction_of(summary: Response) -> OutputCompaction:
    """The item that stands for what it sums up; a model that thinks puts its thoughts before it."""
    return next(item for item in summary.output if type(item) is OutputCompaction)
