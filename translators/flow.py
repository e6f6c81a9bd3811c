"""`Flow`: the bytes of chunks straight into the bytes of events, for as long as nothing but more of the same comes.

Most of a long answer is words that follow words. What `ChunkDecoder`, `ResponseStream` and `SSEEncoder` make of them is
known then, so that `take` can do it in one go. Whatever else comes is left to them, and the bytes are the same either
way: `tests/test_runs.py` holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable

from translators.chunks import ChunkDecoder
from translators.sse import SSEEncoder
from translators.stream import ResponseStream


class Flow:
    """Of what `decoder` reads into what `stream` answers and `encoder` frames: that goes to `send`.

    Everything that is not so simple goes the `long_way`, as it came. Both say whether they take the next bytes, too.
    """

    __slots__ = ("_decoder", "_encoder", "_long_way", "_out", "_send", "_stream")

    def __init__(
        self,
        decoder: ChunkDecoder,
        stream: ResponseStream,
        encoder: SSEEncoder,
        send: Callable[[bytes], bool],
        long_way: Callable[[bytes], bool],
    ) -> None:
        self._decoder = decoder
        self._stream = stream
        self._out = stream.out
        self._encoder = encoder
        self._send = send
        self._long_way = long_way

    def take(self, data: bytes) -> bool:
        pattern, flow = self._decoder.ready, self._stream.flow
        if pattern is None or flow is None:
            return self._long_way(data)
        field, model, kept = flow
        texts = pattern.read_texts(data) if field == pattern.field else None
        if texts is None:
            self._decoder.ready = None  # it would look in vain, too
            return self._long_way(data)
        out = self._out
        first = out.next
        out.next = first + len(texts)
        kept += texts
        return self._send(self._encoder.encode_run(model, first, texts))
