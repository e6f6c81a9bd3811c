"""`Exchange`: the life of one request that has been understood, to the last event of its response.

    begun ──▶ open ──▶ start ──▶ read, deliver … ──▶ ended ──▶ close
                │                     │                          ▲
                └── refused ──────────┴── fail ──────────────────┘

`beginning.begin_exchange` makes one: parsed, routed, translated. Opened: there is something to tell. Then `read()`
gives what the client gets, batch by batch, and `deliver()` lets what arrives between two reads go the same way at once;
a plain answer is the same with nobody to hear them. Who gives the events is the exchange's current stage (`stages`);
what it gives is seen by the exchange's sink, and stored there before the last event leaves. Closed: so is the upstream,
and the conversation is free for the next response, if it was held.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping
from copy import copy

from msgspec import Struct

from proxy.callers import Caller
from proxy.exchange.services import Services
from proxy.exchange.stages import Stage, Write
from proxy.process.drain import Turn
from proxy.state.history import History
from proxy.state.recording import Recorder
from proxy.state.sink import Sink
from proxy.store import StoreError
from proxy.upstream.plan import Route
from translators.answering.stream import ResponseStream
from translators.errors import BridgeError
from translators.report import Adaptation
from translators.schema.events import AnyEvent
from translators.schema.responses import Response, ResponsesRequest
from translators.wire.splice import FrameSink

_log = logging.getLogger(__name__)


class Asked(Struct, frozen=True):
    """What a client asked: the parameters as it put them, what they go on from, who it is, and its headers."""

    params: ResponsesRequest
    past: History
    caller: Caller
    client_headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Asked({self.params.model!r} for {self.caller.name!r})"  # one of the headers is the client's key


class Exchange:
    """The caller may read what it goes on from, and owns what it leaves behind: without a `sink`, nothing.

    `turn` is the one within which its stages wait.
    """

    def __init__(
        self,
        services: Services,
        asked: Asked,
        stage: Stage,
        stream: ResponseStream,
        turn: Turn,
        recorder: Recorder,
        sink: Sink | None,
    ) -> None:
        params = stage.attempts.translation.params
        self.asked = asked
        self.recorder = recorder
        self.sink = sink
        self.streamed = bool(params.stream)
        self.background = bool(params.background)
        self._services = services
        self._stage = stage
        self._stream = stream
        self._turn = turn
        self._watcher = sink if sink is not None and sink.wants_events else None
        self._unanswered = "abandoned"
        self._settled = False

    def __repr__(self) -> str:
        return f"Exchange({self._stage!r}, {self._stream!r})"

    @property
    def past(self) -> History:
        return self.asked.past

    @property
    def caller(self) -> Caller:
        return self.asked.caller

    @property
    def client_headers(self) -> Mapping[str, str]:
        return self.asked.client_headers

    @property
    def route(self) -> Route:
        """The way to the upstream that answers, or is to be asked."""
        return self._stage.attempts.route

    @property
    def adaptations(self) -> list[Adaptation]:
        """What was reported so far, of the request and of its answers."""
        reported, told = self._stage.attempts.adaptations, self._stream.told
        return [*reported, *told] if told else reported

    def report(self, adaptation: Adaptation) -> None:
        """Has something reported of the request that its endpoint knows."""
        self._stage.attempts.report(adaptation)

    @property
    def chat(self) -> bytes:
        """The Chat request as it stands."""
        return self._stage.attempts.translation.body()

    @property
    def headers(self) -> Mapping[str, str]:
        """The upstream's headers that travel back."""
        return self._stage.attempts.headers

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

    async def open(self) -> None:
        """Waits for the upstream's first answer. Raises UpstreamError where it refuses, and ShuttingDown."""
        self._turn.begin()
        try:
            with self._turn:
                await self._stage.open()
        except BridgeError:
            self._unanswered = "refused"
            await self._free()
            raise

    def start(self) -> list[AnyEvent]:
        return self._seen(self._stream.start())

    def keep_alive(self) -> list[AnyEvent]:
        return self._seen(self._stream.keep_alive())

    async def fail(self, error: BridgeError) -> list[AnyEvent]:
        return await self._kept(self._stream.fail(error, completed_at=int(self._services.clock())))

    async def read(self) -> list[AnyEvent]:
        """Events behind the first two: those together that arrived together, and none behind the terminal one."""
        events = await self._stage.read()
        self._stage = self._stage.then or self._stage
        return await self._kept(events) if self._stream.ended else self._seen(events)

    def deliver(self, write: Write, sink: FrameSink | None) -> Awaitable[None]:
        """Gives `write` events in the step in which they arrive, until it answers False, or `read` has to go on.

        `sink` gets frames in the place of events that nobody else has to see.
        """
        watcher = self._watcher
        if watcher is None:
            return self._stage.deliver(write, sink)
        return self._stage.deliver(lambda events: write(self._seen(events)), None)

    async def close(self) -> None:
        """Once, however it ended."""
        self._turn.close()
        status = self.response.status if self.ended else self._unanswered
        self._services.metrics.count(self.route.upstream_name, status, self.response, self.adaptations)
        await self._stage.aclose()
        if self.asked.past.lock is not None:
            await self._free()

    # --- what it leaves behind -------------------------------------------------------------------

    def _seen(self, events: list[AnyEvent]) -> list[AnyEvent]:
        if self._watcher is not None:
            self._watcher.on_events(events)
        return events

    async def _kept(self, events: list[AnyEvent]) -> list[AnyEvent]:
        """The last events, once the response is stored; where it cannot be, the last of them says so."""
        told = self.streamed or self.background or self._stream.error is None  # else its id never reaches anybody
        if self.sink is not None and told and not self._settled:
            self._settled = True
            events = await self._store(self.sink, events)
        if self.asked.past.lock is not None:
            await self._free()
        return events

    async def _store(self, sink: Sink, events: list[AnyEvent]) -> list[AnyEvent]:
        try:
            await sink.keep(await self.recorder.record_aside(self._stream.response), events)
        except StoreError as error:
            if self.background or self._services.store_settings.on_failure == "refuse":
                return [*events[:-1], self._stream.revoke(error)]
            said = Adaptation("dropped", "store", f"the response is not stored: {error.reason}")
            self._stage.attempts.report(said)
            _log.error("an answer was given that is not stored", extra={"response": self.response.id})
        return events

    async def _free(self) -> None:
        """Lets the next response have the conversation, at whichever end comes first."""
        if self.past.lock is not None:
            await self.past.lock.release()
