"""`Flow`: the bytes of chunks straight into the bytes of events, for as long as nothing but more of the same comes.

Most of a long answer is words that follow words. What `ChunkDecoder`, `ResponseStream` and `SSEEncoder` make of them is
known then, so that `take` can do it in one go. Whatever else comes is left to them, and the bytes are the same either
way: `tests/wire/test_chunk_template.py` holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from translators.answering.stream import ResponseStream
from translators.schema.events import Event
from translators.wire.chunk_template import ChunkPattern
from translators.wire.chunks import ChunkDecoder
from translators.wire.sse import SSEEncoder, encode_text


class FrameSink(Struct, frozen=True):
    """Where frames of `encoder` go: `at_once` where that takes them, else to `send`, which says if it takes more."""

    encoder: SSEEncoder
    at_once: Callable[[bytes], bool]
    send: Callable[[bytes], bool]


class Flow:
    """Of what `decoder` reads into what `stream` answers: that goes to `sink`.

    Everything that is not so simple goes the `long_way`, as it came. `take` says whether the next bytes are taken, too.
    """

    __slots__ = (
        "_at_once",
        "_decoder",
        "_encoder",
        "_fits",
        "_flow",
        "_keep",
        "_long_way",
        "_model",
        "_out",
        "_pattern",
        "_send",
        "_stream",
        "_template",
    )

    def __init__(
        self, decoder: ChunkDecoder, stream: ResponseStream, sink: FrameSink, long_way: Callable[[bytes], bool]
    ) -> None:
        self._decoder = decoder
        self._stream = stream
        self._out = stream.out
        self._encoder = sink.encoder
        self._at_once = sink.at_once
        self._send = sink.send
        self._long_way = long_way
        self._pattern: ChunkPattern | None = None
        self._flow: tuple[str, Event, list[str]] | None = None

    def take(self, data: bytes) -> bool:
        decoder = self._decoder
        pattern, flow = decoder.ready, self._stream.flow
        if pattern is None or flow is None:
            return self._long_way(data)
        if pattern is not self._pattern or flow is not self._flow:
            self._prepare(pattern, flow)
        out = self._out
        if self._fits and (text := pattern.read_text(data)):
            # One event: where many streams share a core, each has no more when its turn comes.
            if (left := decoder.left - len(data)) < 0:
                return self._long_way(data)
            decoder.left = left
            number = out.next
            out.next = number + 1
            self._keep.append(text)
            frames = self._template % (number, encode_text(text))
        else:
            texts = pattern.read_texts(data) if self._fits else None
            if texts is None:
                decoder.ready = None  # it would look in vain, too
            if texts is None or decoder.left < len(data):
                return self._long_way(data)
            decoder.left -= len(data)
            number = out.next
            out.next = number + len(texts)
            self._keep += texts
            frames = self._encoder.encode_run(self._model, number, texts)
        return self._at_once(frames) or self._send(frames)

    def _prepare(self, pattern: ChunkPattern, flow: tuple[str, Event, list[str]]) -> None:
        """What stays the same for as long as these do."""
        self._pattern, self._flow = pattern, flow
        field, self._model, self._keep = flow
        self._fits = field == pattern.field
        self._template = self._encoder.template(self._model)
