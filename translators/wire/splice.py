"""`Splice`: the bytes of chunks straight into the bytes of events, for as long as nothing but more of the same comes.

Most of a long answer is words that follow words. What `ChunkDecoder`, `ResponseStream` and `SSEEncoder` make of them is
known then, so that `take` can do it in one go. Whatever else comes is left to them, and the bytes are the same either
way: `tests/wire/test_chunk_template.py` holds the two together.

Three conditions, each asked of whom it belongs to, and asked anew for every piece of bytes:

| who | says | by |
|---|---|---|
| `ChunkDecoder` | nothing has come of an event that has not ended, and whole events may have this pattern | `ready` |
| `ResponseStream` | texts of this field are deltas of this run, and need not be looked at | `flow` |
| `ChunkPattern` | the bytes are events of the pattern, each with one text | `read_text`, `read_texts` |

Where all hold, the splice does what they would have done, by what each of them gives for that: it takes the bytes off
`left` of the decoder, has the `Emitter` number the events (`numbers`, `passed`), and adds the texts to that of the
writer whose they are (`OpenRun.text`). It holds no number and no text of its own, so that it can stop at any byte and
has nothing to hand back. Where one fails, the bytes go the long way as they came, and that finds out why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from translators.emitter import Emitter, OpenRun
from translators.wire.chunk_template import ChunkPattern
from translators.wire.chunks import ChunkDecoder
from translators.wire.sse import SSEEncoder, encode_text


class Flow(Struct, frozen=True):
    """What an answer is in the middle of: the texts of `field` in its chunks are the deltas of `run`."""

    field: str
    run: OpenRun


class Flowing(Protocol):
    """What a splice asks of a `ResponseStream`: the numbers of events, and what the answer is in the middle of.

    `flow` is None where what comes has to be looked at, and another object whenever it has changed.
    """

    @property
    def out(self) -> Emitter: ...

    @property
    def flow(self) -> Flow | None: ...


class FrameSink(Struct, frozen=True):
    """Where frames of `encoder` go: `at_once` where that takes them, else to `send`, which says if it takes more."""

    encoder: SSEEncoder
    at_once: Callable[[bytes], bool]
    send: Callable[[bytes], bool]


class Splice:
    """Of what `decoder` reads into what `stream` answers: that goes to `sink`.

    Everything that is not so simple goes the `long_way`, as it came. `take` says whether the next bytes are taken, too.
    """

    __slots__ = (
        "_at_once",
        "_decoder",
        "_encoder",
        "_flow",
        "_long_way",
        "_out",
        "_pattern",
        "_send",
        "_stream",
        "_template",
        "_text",
    )

    def __init__(
        self, decoder: ChunkDecoder, stream: Flowing, sink: FrameSink, long_way: Callable[[bytes], bool]
    ) -> None:
        self._decoder = decoder
        self._stream = stream
        self._out = stream.out
        self._encoder = sink.encoder
        self._at_once = sink.at_once
        self._send = sink.send
        self._long_way = long_way
        self._pattern: ChunkPattern | None = None
        self._flow: Flow | None = None

    def __repr__(self) -> str:
        flow = self._flow
        return "Splice(idle)" if flow is None else f"Splice({flow.field!r} as {type(flow.run.model).__name__})"

    def take(self, data: bytes) -> bool:
        decoder = self._decoder
        pattern, flow = decoder.ready, self._stream.flow
        if pattern is None or flow is None:
            return self._long_way(data)
        fits = (pattern is self._pattern and flow is self._flow) or self._prepare(pattern, flow)
        if fits and (text := pattern.read_text(data)):
            # One event: where many streams share a core, each has no more when its turn comes.
            if (left := decoder.left - len(data)) < 0:
                return self._long_way(data)
            decoder.left = left
            self._text.append(text)
            frames = self._template % (next(self._out.numbers), encode_text(text))
        else:
            texts = pattern.read_texts(data) if fits else None
            if texts is None:
                decoder.ready = None  # it would look in vain, too
            if texts is None or decoder.left < len(data):
                return self._long_way(data)
            decoder.left -= len(data)
            self._text.extend(texts)
            frames = self._encoder.encode_run(flow.run.model, self._out.passed(len(texts)), texts)
        return self._at_once(frames) or self._send(frames)

    def _prepare(self, pattern: ChunkPattern, flow: Flow) -> bool:
        """Keeps what stays the same for as long as these do, where their field is the same."""
        if flow.field != pattern.field:
            return False
        self._pattern, self._flow = pattern, flow
        self._text = flow.run.text
        self._template = self._encoder.template(flow.run.model)
        return True
