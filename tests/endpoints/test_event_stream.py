"""The order of what `EventStream` sends: events as they come, keep-alive between them, and waits for the client."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any, cast

import pytest

from proxy.endpoints import event_stream
from proxy.endpoints.event_stream import EventStream
from proxy.exchange.exchange import Exchange
from tests.support.checks import check_events, check_frames
from tests.support.translation import SIMPLE, counted_ids, decoded, encode, translate
from translators import long_text
from translators.answering.stream import ResponseStream
from translators.errors import BridgeError, UpstreamError
from translators.schema.events import AnyEvent
from translators.wire.chunks import ChunkDecoder
from translators.wire.splice import FrameSink, Splice

# So short that there is silence whenever the loop looks at its timers.
_ALWAYS = 1e-9
_WORDS = 100
_MOST_TURNS = 4


class Chance:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def __call__(self, probability: float) -> bool:
        return self._random.random() < probability

    async def turns(self) -> None:
        """Some turns of the loop, in which its timers may fire."""
        for _ in range(self._random.randrange(_MOST_TURNS)):
            await asyncio.sleep(0)


class Words:
    """As much of an exchange as a stream uses: words that come one by one, some poured and some read."""

    def __init__(self, chance: Chance, *, refused: bool) -> None:
        self.headers: dict[str, str] = {}
        self.adaptations: list[Any] = []
        self._chance = chance
        self._refused = refused
        self._stream = ResponseStream(translate(SIMPLE), new_id=counted_ids(), created_at=1)
        self._decoder = ChunkDecoder()
        self._left = _WORDS
        self.start = self._stream.start
        self.keep_alive = self._stream.keep_alive

    @property
    def ended(self) -> bool:
        return self._stream.ended

    async def open(self) -> None:
        await self._chance.turns()
        if self._refused:
            raise UpstreamError("no")

    async def fail(self, error: BridgeError) -> list[AnyEvent]:
        return self._stream.fail(error, completed_at=2)

    async def deliver(self, write: Callable[[list[AnyEvent]], bool], sink: FrameSink) -> None:
        def long_way(data: bytes) -> bool:
            return write(self._stream.feed(*self._decoder.feed(data)))

        splice = Splice(self._decoder, self._stream, sink, long_way)
        while self._left and self._chance(0.8):
            await self._chance.turns()
            if not await self._in_a_callback(lambda: splice.take(self._next_bytes())):
                return

    async def read(self) -> list[AnyEvent]:
        await self._chance.turns()
        if self._left:
            return self._next_events()
        return self._stream.finish(said_done=True, completed_at=2)

    async def _in_a_callback(self, does: Callable[[], Any]) -> Any:
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(lambda: done.set_result(does()))
        return await done

    def _next_events(self) -> list[AnyEvent]:
        return self._stream.feed(*self._decoder.feed(self._next_bytes()))

    def _next_bytes(self) -> bytes:
        self._left -= 1
        return b"data: " + encode({"choices": [{"delta": {"content": f" {self._left}"}}]}) + b"\n\n"


class Client:
    """Takes what is sent as uvicorn does, which waits before it writes, and now and then reads nothing for a while."""

    def __init__(self, chance: Chance) -> None:
        self.received = b""
        self.written = 0
        self.wrote_at = 0.0
        self.begun = False
        self._chance = chance
        self._reading = asyncio.Event()
        self._reading.set()
        self._pauses: set[asyncio.Task[None]] = set()

    async def send(self, message: Any) -> None:
        if not self._reading.is_set():
            await self._reading.wait()
        if message["type"] == "http.response.start":
            assert not self.begun
            self.begun = True
        else:
            assert self.begun
            self.received += message["body"]
        self._pause_by_chance()

    def __call__(self, piece: bytes) -> bool:
        """Writes at once, if it can."""
        if self._reading.is_set():
            assert self.begun
            self.received += piece
            self.written += 1
            self._pause_by_chance()
            return True
        return False

    def _pause_by_chance(self) -> None:
        if self._reading.is_set() and self._chance(0.3):
            self._reading.clear()
            self._pauses.add(asyncio.ensure_future(self._pause()))

    async def _pause(self) -> None:
        await self._chance.turns()
        self._reading.set()


@pytest.mark.parametrize("interval", [0, _ALWAYS])
@pytest.mark.parametrize("writes", [False, True])
@pytest.mark.parametrize("long_from", [1, long_text.LONG_CHARACTERS])
@pytest.mark.parametrize("seed", range(10))
async def test_events_leave_in_the_order_of_their_numbers(
    seed: int, writes: bool, interval: float, long_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_text, "LONG_CHARACTERS", long_from)
    chance = Chance(seed)
    exchange, client = Words(chance, refused=False), Client(chance)
    at_once = client if writes else None
    await EventStream(cast("Exchange", exchange), client.send, interval, at_once).run()
    assert client.written or not writes or interval  # keep-alive between all of them leaves none that follows another
    events = check_frames(client.received)
    response = check_events(events)
    assert response["status"] == "completed"
    text = response["output"][0]["content"][0]["text"]
    assert text == "".join(f" {number}" for number in reversed(range(_WORDS)))
    assert [event["type"] for event in events].count("response.in_progress") > 1 or not interval


@pytest.mark.parametrize("seed", range(20))
async def test_a_late_refusal_comes_behind_what_was_sent_in_silence(seed: int) -> None:
    chance = Chance(seed)
    exchange, client = Words(chance, refused=True), Client(chance)
    try:
        await EventStream(cast("Exchange", exchange), client.send, _ALWAYS).run()
    except UpstreamError:
        assert not client.begun
    else:
        assert check_events(check_frames(client.received))["status"] == "failed"


async def test_r10_the_last_events_of_a_huge_answer_leave_in_pieces() -> None:
    """Each says all of it once more: together they would take three times its memory, and one long turn of the loop."""
    stream = ResponseStream(translate(SIMPLE), new_id=counted_ids(), created_at=1)
    begun = stream.start()
    text = "x" * (2 << 20)
    chunk = encode({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]})
    events = [
        *stream.feed(*(made for chunks in decoded(ChunkDecoder(), b"data: " + chunk + b"\n\n") for made in chunks)),
        *stream.finish(said_done=True, completed_at=2),
    ]
    pieces: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        pieces.append(message)

    exchange = cast(Exchange, Words(Chance(0), refused=False))
    sender = EventStream(exchange, send, 0)
    await sender.send_events(begun)
    await sender.send_last(events)
    check_events(check_frames(b"".join(piece["body"] for piece in pieces)))
    assert [piece["more_body"] for piece in pieces] == [True] * (len(pieces) - 1) + [False]
    assert max(len(piece["body"]) for piece in pieces[1:]) < 2 * event_stream._MOST_AT_ONCE
