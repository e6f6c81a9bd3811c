"""`EventStream`: a response as server-sent events over ASGI, with keep-alive.

The head goes out when the upstream has answered, so that its refusal keeps its status; an upstream that
takes longer than the keep-alive interval gets no such chance, since clients would give up first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Protocol

from starlette.types import Send

from proxy.exchange.exchange import Exchange
from proxy.inbound.headers import ADAPTED, EVENT_STREAM, adapted, answer_headers
from proxy.net.eager_send import EagerSend
from translators.errors import BridgeError
from translators.long_text import LongJson, gathered
from translators.report import Adaptation
from translators.schema.events import AnyEvent
from translators.wire.splice import FrameSink
from translators.wire.sse import DONE_FRAME, SSEEncoder

_MOST_AT_ONCE = 1 << 18  # bytes of a long event, before others have their turn


class AtOnce(Protocol):
    """Writes a piece of the body, unless that would have to wait for the client (`BodyWriter`)."""

    wrote_at: float

    def __call__(self, piece: bytes) -> bool: ...


class _Never:
    """Stands for a `BodyWriter` under a server that has none: everything goes by `send`."""

    wrote_at = 0.0

    def __call__(self, piece: bytes) -> bool:
        return False


class EventStream:
    """Sends one exchange. `interval` is the longest silence in seconds; 0 means no keep-alive."""

    __slots__ = (
        "_at_once",
        "_beat",
        "_eager_send",
        "_emitting",
        "_encoder",
        "_exchange",
        "_interval",
        "_now",
        "_rest",
        "_send",
        "_silent_since",
        "_started",
        "_timer",
        "_told",
        "_unsent",
    )

    def __init__(self, exchange: Exchange, send: Send, interval: float, at_once: AtOnce | None = None) -> None:
        self._at_once = at_once or _Never()
        self._exchange = exchange
        self._send = send
        self._interval = interval
        self._encoder = SSEEncoder()
        self._started = False
        self._told: Sequence[Adaptation] = ()  # in the head
        self._now = asyncio.get_running_loop().time
        self._silent_since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._beat: asyncio.Task[None] | None = None
        self._emitting = False
        self._eager_send = EagerSend()
        self._rest: Awaitable[None] | None = None
        self._unsent: list[AnyEvent] = []

    async def run(self) -> None:
        """Raises BridgeError while nothing has been sent yet."""
        self._listen_for_silence()
        try:
            last = await self._send_all_but_last()
        finally:
            self._stop_beating()
        await self.send_last(last)

    async def _send_all_but_last(self) -> list[AnyEvent]:
        """Sends the response up to its end, and returns the events that end it, which are still to be sent."""
        try:
            await self._exchange.open()
        except BridgeError as error:
            if not self._started:
                raise
            last = await self._exchange.fail(error)
            await self._wait_for_beat()
            return last
        if not self._started:
            await self._start()
        while True:
            events = await self._next()
            await self._wait_for_beat()
            if self._exchange.ended:
                return events
            await self._emit(events)

    async def _next(self) -> list[AnyEvent]:
        """Returns the next events that this task has to send; those before them were sent as they came."""
        await self._exchange.deliver(self._write, self._sink())
        if self._rest is not None:
            await self._rest
            self._rest = None
            self._silent_since = self._now()
        unsent, self._unsent = self._unsent, []
        return unsent or await self._exchange.read()

    def _write(self, events: list[AnyEvent]) -> bool:
        """Sends what can be sent without waiting; returns whether all of it was."""
        if self._beat is not None:
            self._unsent = events
            return False
        try:
            self._rest = self._eager_send(self.send_events(events))
        except LongJson:
            self._unsent, self._emitting = events, True  # no keep-alive may overtake them
            return False
        self._silent_since = self._now()
        return self._rest is None

    def _sink(self) -> FrameSink | None:
        return FrameSink(self._encoder, self._at_once, self._send_frames)

    def _send_frames(self, frames: bytes) -> bool:
        """Sends frames of more of the events that went out last, without waiting: no keep-alive came between."""
        self._rest = self._eager_send(self._send({"type": "http.response.body", "body": frames, "more_body": True}))
        self._silent_since = self._now()
        return self._rest is None

    async def send_head(self) -> None:
        self._told = tuple(self._exchange.adaptations)
        headers = EVENT_STREAM + answer_headers(self._exchange.headers, self._told)
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    def send_events(self, events: Sequence[AnyEvent]) -> Awaitable[None]:
        """Raises LongJson for events that have to go by `send_long`."""
        frames = self._encoder.encode(events)
        return self._send({"type": "http.response.body", "body": frames, "more_body": True})

    async def send_last(self, events: Sequence[AnyEvent]) -> None:
        """Sends the last events in one write, but for those of a huge answer, which say it once more each."""
        try:
            frames = self._encoder.encode(events)
        except LongJson:
            await self.send_long(events)
            frames = b""
        frames += self._told_late() + DONE_FRAME
        await self._send({"type": "http.response.body", "body": frames, "more_body": False})

    async def send_long(self, events: Sequence[AnyEvent]) -> None:
        """Sends long events in pieces, so that they are not in memory at once, and other streams have their turns
        between."""
        for frames in gathered(self._encoder.pieces(events), _MOST_AT_ONCE):
            await self._send({"type": "http.response.body", "body": frames, "more_body": True})
            await asyncio.sleep(0)

    def _told_late(self) -> bytes:
        """Says what was adapted after the head had left in a comment: every client passes those over."""
        late = [adaptation for adaptation in self._exchange.adaptations if adaptation not in self._told]
        return b": %b: %b\n\n" % (ADAPTED, adapted(late)) if late else b""

    async def _start(self) -> None:
        self._started = True
        events = self._exchange.start()  # before anything else can take their numbers
        await self.send_head()
        await self._emit(events)

    async def _emit(self, events: Sequence[AnyEvent]) -> None:
        self._emitting = True
        try:
            await self.send_events(events)
        except LongJson:
            await self.send_long(events)
        self._emitting = False
        self._silent_since = self._now()

    # --- keep-alive ------------------------------------------------------------------------------

    def _listen_for_silence(self) -> None:
        if self._interval:
            self._silent_since = self._now()
            self._timer = asyncio.get_running_loop().call_later(self._interval, self._on_timer)

    def _on_timer(self) -> None:
        """Fires once an interval at most: events that went out meanwhile only move the next one.

        Nor is it silence where the client does not read; and what waits for it is not to be overtaken.
        """
        loop = asyncio.get_running_loop()
        waits = self._emitting or self._rest is not None
        silent = 0.0 if waits else self._now() - max(self._silent_since, self._at_once.wrote_at)
        if silent < self._interval:
            self._timer = loop.call_later(self._interval - silent, self._on_timer)
        else:
            # Numbered now: what comes before the task has its first turn waits for it, and gets higher numbers.
            events = self._exchange.keep_alive() if self._started else None
            self._beat = loop.create_task(self._break_silence(events))

    async def _break_silence(self, events: Sequence[AnyEvent] | None) -> None:
        if events is not None:
            await self._emit(events)
        elif not self._started:
            await self._start()
        self._beat = None
        self._timer = asyncio.get_running_loop().call_later(self._interval, self._on_timer)

    async def _wait_for_beat(self) -> None:
        """Waits for a keep-alive that is being sent: its event has its number, and goes before any other."""
        if self._beat is not None:
            await self._beat

    def _stop_beating(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._beat is not None:
            self._beat.cancel()
