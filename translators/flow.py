"""`Flow`: the bytes of chunks straight into the bytes of events, for as long as nothing but more of the same comes.

Most of a long answer is words that follow words. What `ChunkDecoder`, `ResponseStream` and `SSEEncoder` make of them is
known then, so that `step` can do it in one go. Whatever else comes is left to them, and the bytes are the same either
way: `tests/test_runs.py` holds the two together.
"""

from __future__ import annotations

from translators.chunks import ChunkDecoder
from translators.sse import SSEEncoder
from translators.stream import ResponseStream


class Flow:
    """Of what `decoder` reads into what `stream` answers and `encoder` frames."""

    def __init__(self, decoder: ChunkDecoder, stream: ResponseStream, encoder: SSEEncoder) -> None:
        self._decoder = decoder
        self._stream = stream
        self._encoder = encoder

    def step(self, data: bytes) -> bytes | None:
        """The frames of what has been read, or None where nothing has, and the long way has to be taken."""
        pattern, stream = self._decoder.ready, self._stream
        out = stream.out
        if pattern is None or out.flow is None or stream.flowing != pattern.field:
            return None
        texts = pattern.read_texts(data)
        if texts is None:
            self._decoder.ready = None  # it would look in vain, too
            return None
        model, kept = out.flow
        first = out.next
        out.next = first + len(texts)
        kept += texts
        return self._encoder.encode_run(model, first, texts)
