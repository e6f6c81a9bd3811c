"""`AnswerBody`: an upstream's answer as chunks; `ChatAnswer` reads those of Chat, whatever form they came in.

An upstream that was asked for a stream may answer with JSON and the reverse; the body's own form counts.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from proxy.transports import Answer, TransportError
from translators.answering.stream import ResponseStream
from translators.decode import is_json_object
from translators.errors import UpstreamProtocolError
from translators.limits import DEFAULT_LIMITS, AnswerLimits, answer_too_large
from translators.recovery.upstream_errors import error_in_chunk
from translators.schema.chat import ChatChunk
from translators.wire.chunk_template import Chunk, ChunkRun
from translators.wire.chunks import ChunkDecoder, body_form, parse_chunk
from translators.wire.splice import FrameSink, Splice

_DRAIN_BYTES = 1 << 16
_DRAIN_SECONDS = 0.25
# For the usage and `[DONE]` behind a finish reason: both are made with it, so that only the network is waited for.
_GRACE_SECONDS = 2.0
# Takes chunks that arrived together; whether it takes the next ones, too.
IntoChunks = Callable[[list[Chunk]], bool]


class Straight(Struct, frozen=True):
    """Where frames go that `Splice` made of an answer to `stream`."""

    stream: ResponseStream
    sink: FrameSink


class AnswerBody(Protocol):
    """What a wire reads an answer with, in this order: opened, read or delivered to its end, closed."""

    @property
    def said_done(self) -> bool:
        """Whether the upstream said that its answer is complete."""

    @property
    def left_open(self) -> str:
        """What the upstream did instead, where it gave a finish reason and no end; else ""."""

    async def open(self) -> None:
        """Waits for what tells that there is an answer. Raises UpstreamError and TransportError."""

    async def read(self) -> list[Chunk]:
        """The chunks that arrived together, and none when all have been read. Raises UpstreamError, TransportError."""

    async def deliver(self, into: IntoChunks, straight: Straight | None) -> None:
        """Gives `into` chunks as they arrive, until it answers False, or `read` has to say what comes next.

        What can go `straight` goes there.
        """

    async def close(self) -> None:
        """Gives the connection back, or drops it."""


class ChatAnswer:
    """The body of a Chat answer: events or JSON, by its own form. Over one of `limits`, it fails."""

    def __init__(self, answer: Answer, limits: AnswerLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self.said_done = False
        self.left_open = ""
        self._answer = answer
        self._receive = answer.receiver()
        self._decoder: ChunkDecoder  # made where there are events
        self._first = b""
        self._whole: ChatChunk | None = None
        self._ended = False  # whether all has arrived
        self._has_more = False  # whether some of what has arrived is still to be decoded
        self._over = False
        self._until: float | None = None  # when to stop waiting for `[DONE]`, in the loop's time

    def __repr__(self) -> str:
        state = "all read" if self._over else "finished" if self._until is not None else "arriving"
        return f"ChatAnswer({self._answer.status}, {state}{', said done' if self.said_done else ''})"

    async def open(self) -> None:
        """Waits for the first bytes; a whole answer is read here, so that its error can still be a status.

        Raises UpstreamError and TransportError.
        """
        content_type = self._answer.headers.get("content-type", "")
        if content_type.startswith("text/event-stream"):
            self._decoder = ChunkDecoder(self._limits)
            return  # the first event may be minutes away
        self._first = await self._receive()
        form = body_form(content_type, self._first)
        if form == "unknown":
            said = content_type.split(";")[0] or "something without a type"
            raise UpstreamProtocolError(f"The upstream answered with {said} instead of JSON or events.")
        if form == "json":
            self._whole = self._read_whole(await self._rest())
        else:
            self._decoder = ChunkDecoder(self._limits)

    async def read(self) -> list[Chunk]:
        if self._whole is not None and not self._over:
            self._over = True
            return [self._whole]
        while not self._over:
            if self._has_more:
                await asyncio.sleep(0)  # others have their turn between two pieces of a long event
                chunks = self._decoded(self._decoder.more())
            else:
                until = self._until
                data = self._first or await (self._receive() if until is None else self._receive_rest(until))
                self._first = b""
                chunks = self._decode(data)
            if chunks:
                return chunks
        return []

    async def _receive_rest(self, until: float) -> bytes:
        """What comes behind a finish reason: usage, and the end. No more is owed, so that nothing can fail here.

        Some servers never say the end, and keep the connection open in silence or with comments; some break it off
        (maximhq/bifrost#6784, #7108).
        """
        try:
            async with asyncio.timeout_at(until):
                return await self._receive()
        except TimeoutError:
            self.left_open = "it did not end"
        except TransportError as error:
            self.left_open = str(error)
        return b""

    async def deliver(self, into: IntoChunks, straight: Straight | None) -> None:
        def take(data: bytes) -> bool:
            chunks = self._decode(data)
            return (not chunks or into(chunks)) and not (self._over or self._has_more) and self._until is None

        if self._first or self._whole is not None or self._over or self._until is not None or self._has_more:
            return
        if straight is None:
            await self._answer.pour(take)
            return
        splice = Splice(self._decoder, straight.stream, straight.sink, take)
        await self._answer.pour(splice.take)

    def _decode(self, data: bytes) -> list[Chunk]:
        """The chunks that ended within what arrived, which is b"" at the end."""
        self._ended = not data
        return self._decoded(self._decoder.feed(data) if data else self._decoder.close())

    def _decoded(self, chunks: list[Chunk]) -> list[Chunk]:
        self.said_done = self._decoder.said_done
        self._has_more = self._decoder.has_more
        self._over = self.said_done or (self._ended and not self._has_more)
        if self._decoder.finished and (self._until is None or any(map(_goes_on, chunks))):
            self._until = asyncio.get_running_loop().time() + _GRACE_SECONDS
        return chunks

    async def close(self) -> None:
        """Lets a finished stream end, so that its connection can serve again; drops any other."""
        if self.said_done and self._whole is None and not self._answer.has_ended:
            with contextlib.suppress(TimeoutError, TransportError):
                async with asyncio.timeout(_DRAIN_SECONDS):
                    await self._answer.read(_DRAIN_BYTES)
        await self._answer.aclose()

    async def _rest(self) -> bytes:
        pieces, size = [self._first], len(self._first)
        try:
            while piece := await self._receive():
                pieces.append(piece)
                size += len(piece)
                if size > self._limits.answer:
                    raise answer_too_large(self._limits.answer)
        except TransportError as error:
            if not is_json_object(b"".join(pieces)):
                raise
            self.left_open = str(error)  # all of it was there
        return b"".join(pieces)

    def _read_whole(self, body: bytes) -> ChatChunk:
        chunk = parse_chunk(body)
        error = error_in_chunk(chunk)
        if error is not None:
            raise error
        if not chunk.choices:
            raise UpstreamProtocolError("The upstream's answer holds no choices.")
        self.said_done = True
        return chunk


def _goes_on(chunk: Chunk) -> bool:
    """Whether it is more than a usage behind the answer."""
    return isinstance(chunk, ChunkRun) or bool(chunk.choices)
