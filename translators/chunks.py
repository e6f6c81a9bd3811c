"""Bytes of a Chat answer into `ChatChunk`s: `ChunkDecoder` for streams, `parse_chunk` for one payload.

Strict first, for speed; what does not fit is read again field by field, and only an answer whose choices
make no sense is an `UpstreamProtocolError`. Chunks that differ in their text alone come as one `ChunkRun`.
"""

from __future__ import annotations

import contextlib
import re
from typing import Any, Literal

import msgspec

from translators.errors import UpstreamProtocolError
from translators.runs import Chunk, ChunkPattern
from translators.schema.chat import ChatChunk
from translators.sse import DONE, SSEDecoder

Form = Literal["events", "json", "unknown"]

# A pattern that nothing follows was learned in vain. Where that happens so often, every chunk holds something of its
# own besides the text, such as a time.
_VAIN_LESSONS = 3

_DECODER = msgspec.json.Decoder(ChatChunk)
_FIELDS = {field.name: field.type for field in msgspec.structs.fields(ChatChunk)}
# Half of a surrogate pair, as servers escape an emoji that they cut between two chunks.
_LONE_SURROGATE = re.compile(
    rb"(?<!\\)((?:\\\\)*)(?:(\\u[dD][89abAB][0-9a-fA-F]{2})(\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


class ChunkDecoder:
    """A stream of events, cut anywhere, into chunks; `said_done` once `[DONE]` has come.

    `ready` is the pattern that whole events may have, where nothing has come of one that has not ended.
    """

    __slots__ = ("_events", "_lessons", "_pattern", "ready", "said_done")

    def __init__(self) -> None:
        self.said_done = False
        self.ready: ChunkPattern | None = None
        self._events = SSEDecoder()
        self._pattern: ChunkPattern | None = None
        self._lessons = _VAIN_LESSONS

    def feed(self, data: bytes) -> list[Chunk]:
        """The chunks that ended within `data`; what is none is an error chunk, behind those before it."""
        if self.ready is not None:
            run = self.ready.read_events(data)
            if run is not None:
                self._lessons = _VAIN_LESSONS
                return [run]
        chunks: list[Chunk] = []
        try:
            self._parse(self._events.feed(data), chunks)
        except UpstreamProtocolError as error:
            chunks.append(ChatChunk(error={"message": error.message}))
        self.ready = self._pattern if self._events.is_between else None
        return chunks

    def close(self) -> list[Chunk]:
        """The chunk that the end of the stream closed instead of a blank line, unless it was cut inside."""
        chunks: list[Chunk] = []
        with contextlib.suppress(UpstreamProtocolError):
            self._parse(self._events.close(), chunks)
        return chunks

    def _parse(self, payloads: list[bytes], chunks: list[Chunk]) -> None:
        at = 0
        while at < len(payloads) and not self.said_done:
            if self._pattern is not None:
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
            else:
                chunks.append(self._parse_one(payload))

    def _parse_one(self, payload: bytes) -> Chunk:
        chunk = parse_chunk(payload)
        pattern = ChunkPattern.learn(payload, chunk) if self._lessons else None
        if pattern is None:
            return chunk
        self._pattern = pattern
        self._lessons -= 1
        return pattern.first or chunk


def parse_chunk(payload: bytes) -> ChatChunk:
    """Raises UpstreamProtocolError."""
    try:
        return _DECODER.decode(payload)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _salvage(payload)


def _salvage(payload: bytes) -> ChatChunk:
    fields = _decode_anything(payload)
    if type(fields) is list and len(fields) == 1:  # Gemini wraps an error in an array
        fields = fields[0]
    if type(fields) is not dict:
        raise UpstreamProtocolError("The upstream sent something that is no Chat Completions answer.")
    chunk = ChatChunk()
    for name, kind in _FIELDS.items():
        if name not in fields:
            continue
        try:
            setattr(chunk, name, msgspec.convert(fields[name], kind, strict=False))
        except msgspec.ValidationError as error:
            if name == "choices":
                raise UpstreamProtocolError(f"The upstream sent choices that cannot be read: {error}.") from None
    return chunk


def _decode_anything(payload: bytes) -> Any:
    repaired = _LONE_SURROGATE.sub(lambda match: match[0] if match[2] else match[1] + rb"\ufffd", payload)
    try:
        return msgspec.json.decode(repaired.decode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        raise UpstreamProtocolError("The upstream sent something that is not JSON.") from None


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
