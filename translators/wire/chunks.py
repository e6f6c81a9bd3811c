"""Bytes of a Chat answer into `ChatChunk`s: `ChunkDecoder` for streams, `parse_chunk` for one payload.

What is no answer at all is an `UpstreamProtocolError`; how the rest is read stands in `wire.payload`. Chunks that
differ in their text alone come as one `ChunkRun`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Literal, cast

from translators.errors import UpstreamProtocolError
from translators.limits import DEFAULT_LIMITS, AnswerLimits, answer_too_large
from translators.schema.chat import ChatChunk
from translators.surrogates import has_any
from translators.wire.chunk_template import Chunk, ChunkPattern, ChunkRun
from translators.wire.finish_reasons import is_finish
from translators.wire.halves import Halves
from translators.wire.long_events import read_long
from translators.wire.payload import Odd, OddChunk, parse_chunk
from translators.wire.sse import DONE, LONG_BYTES, Payload, SSEDecoder

__all__ = ["ChunkDecoder", "Form", "body_form", "parse_chunk"]

Form = Literal["events", "json", "unknown"]

# A pattern that nothing follows was learned in vain. Where that happens so often, every chunk holds something of its
# own besides the text, such as a time.
_VAIN_LESSONS = 3
# How a report names what an upstream says behind its finish reason, where that cannot be read.
_BEHIND = "finish_reason"


class ChunkDecoder:
    """A stream of events, cut anywhere, into chunks; `finished` behind a finish reason, `said_done` behind `[DONE]`.

    `ready` is the pattern that whole events may have, where nothing has come of one that has not ended. `left` is how
    many bytes the answer may still have; who reads some of it elsewhere counts them here.

    An event of megabytes is read a little at a time: while it `has_more`, that has to be asked for before more is fed.
    """

    __slots__ = (
        "_behind",
        "_closed",
        "_events",
        "_halves",
        "_lessons",
        "_limits",
        "_long",
        "_pattern",
        "finished",
        "left",
        "ready",
        "said_done",
    )

    def __init__(self, limits: AnswerLimits = DEFAULT_LIMITS) -> None:
        self.said_done = self.finished = False
        self.ready: ChunkPattern | None = None
        self.left = limits.answer
        self._limits = limits
        self._events = SSEDecoder(limits.event)
        self._pattern: ChunkPattern | None = None
        self._lessons = _VAIN_LESSONS
        self._halves = Halves()
        self._long: Iterator[list[Chunk]] | None = None  # of an event of megabytes
        self._behind: Sequence[Payload] = []  # the payloads that came with it and behind it
        self._closed = False

    @property
    def has_more(self) -> bool:
        return self._long is not None

    def feed(self, data: bytes) -> list[Chunk]:
        """The chunks that ended within `data`; what is none is an error chunk, behind those before it, and so is what
        goes over a limit. Behind a finish reason no more is owed: there, such a thing is only left out."""
        self.left -= len(data)
        if self.left < 0:
            self.ready = None
            return [self._broken(answer_too_large(self._limits.answer))]
        if self.ready is not None:
            run = self.ready.read_events(data)
            if run is not None:
                self._lessons = _VAIN_LESSONS
                return [run]
        chunks: list[Chunk] = []
        try:
            payloads = self._events.feed(data)
            if len(data) > LONG_BYTES or (payloads and len(payloads[0]) > LONG_BYTES):
                self._parse_up_to_long(payloads, chunks)
            else:
                self._parse(payloads, chunks)  # type: ignore[arg-type]  # the others are bytes; a cast would cost
        except UpstreamProtocolError as error:
            chunks.append(self._broken(error))
        self._get_ready()
        return chunks

    def more(self) -> list[Chunk]:
        """The next chunks of an event of megabytes and behind it; mostly none at first. Takes a few milliseconds."""
        assert self._long is not None, "it has no more"
        chunks: list[Chunk] = []
        try:
            found = next(self._long, None)
            if found is None:
                behind, self._behind, self._long = self._behind, [], None
                self._parse_up_to_long(behind, chunks)
                if self._closed and self._long is None:
                    chunks += self._halves.flush()
            else:
                for chunk in found:
                    self._look_for_finish(chunk)
                chunks += found
        except UpstreamProtocolError as error:
            self._behind, self._long = [], None
            if not self._closed:
                chunks.append(self._broken(error))
        self._get_ready()
        return chunks

    def _get_ready(self) -> None:
        is_ready = self._events.is_between and self._halves.held is None and self._long is None
        self.ready = self._pattern if is_ready else None

    def close(self) -> list[Chunk]:
        """The chunk that the end of the stream closed instead of a blank line, unless it was cut inside."""
        self._closed = True
        chunks: list[Chunk] = []
        with contextlib.suppress(UpstreamProtocolError):
            self._parse_up_to_long(self._events.close(), chunks)
        return chunks + self._halves.flush()

    def _parse_up_to_long(self, payloads: Sequence[Payload], chunks: list[Chunk]) -> None:
        at = next((place for place, payload in enumerate(payloads) if len(payload) > LONG_BYTES), len(payloads))
        self._parse(cast("Sequence[bytes]", payloads[:at]), chunks)
        if at < len(payloads) and not self.said_done:
            chunks += self._halves.flush()
            self._long, self._behind = read_long(payloads[at]), payloads[at + 1 :]

    def _parse(self, payloads: Sequence[bytes], chunks: list[Chunk]) -> None:
        at = 0
        while at < len(payloads) and not self.said_done:
            if self._pattern is not None and self._halves.held is None:
                run, at = self._pattern.read(payloads, at)
                if run is not None:
                    self._lessons = _VAIN_LESSONS
                    chunks.append(run)
                if at == len(payloads):
                    return
            payload = payloads[at]
            at += 1
            if payload == DONE:
                self.said_done, self._pattern = True, None
                chunks += self._halves.flush()
            else:
                chunks += self._parse_one(payload)

    def _parse_one(self, payload: bytes) -> list[Chunk]:
        try:
            chunk = parse_chunk(payload)
        except UpstreamProtocolError as error:
            if not self.finished:
                raise
            return [self._broken(error)]
        if chunk.choices:
            self._look_for_finish(chunk)
        if self._halves.held is not None or (b"\\u" in payload and has_any(payload)):
            return self._halves.join(payload, chunk)
        pattern = ChunkPattern.learn(payload, chunk) if self._lessons else None
        if pattern is None:
            return [chunk]
        self._pattern = pattern
        self._lessons -= 1
        return [pattern.first or chunk]

    def _broken(self, error: UpstreamProtocolError) -> ChatChunk:
        """What stands for something that cannot be read."""
        if self.finished:
            return OddChunk(odd=[Odd(_BEHIND, error.message)])
        return ChatChunk(error={"message": error.message} | ({"code": error.code} if error.code else {}))

    def _look_for_finish(self, chunk: Chunk) -> None:
        if not isinstance(chunk, ChunkRun) and chunk.choices:
            reason = chunk.choices[0].finish_reason
            if reason and is_finish(reason):
                self.finished = True


def body_form(content_type: str, first: bytes) -> Form:
    """How an answer's body is to be read; some servers mislabel it, so its first bytes count more."""
    start = first.lstrip()[:8]
    if start.startswith((b"data:", b"event:", b"id:", b"retry:", b":")):
        return "events"
    if start.startswith((b"{", b"[")):
        return "json"
    if not start and content_type.startswith("text/event-stream"):
        return "events"
    return "unknown"
