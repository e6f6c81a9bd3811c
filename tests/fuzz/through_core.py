"""One case through the core: whatever comes is a `BridgeError`, or a stream that keeps every invariant and ends."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tests.fuzz.case import FuzzCase
from tests.support.checks import check_events, check_frames
from tests.support.translation import counted_ids
from translators.answering.stream import ResponseStream
from translators.answering.turns import Again, Limits, after
from translators.asking.parse import parse_request
from translators.asking.tail import Tail
from translators.asking.translate import Settings, Translation, to_chat
from translators.dialects import PRESETS
from translators.errors import BridgeError, InvalidRequest
from translators.recovery.upstream_errors import error_in_chunk, read_error
from translators.wire.chunks import ChunkDecoder, parse_chunk
from translators.wire.sse import DONE_FRAME, SSEEncoder


def run(case: FuzzCase) -> str:
    """What became of it, in a word; raises what is a fault."""
    read_error(case.status, b"".join(case.pieces))
    try:
        translation = _translate(case)
    except BridgeError as error:
        msgspec.json.decode(error.envelope())
        return "refused"
    try:
        frames = _stream(case, case.pieces)
    except InvalidRequest:
        return "refused"  # its echo
    events = check_frames(frames + DONE_FRAME)
    response = check_events(events)
    # X2: only where everything arrives whole can an upstream's bytes be compared, and JSON is no stream at all.
    assert _stream(case, [b"".join(case.pieces)]) == frames, "X2: the events depend on how the bytes arrive"
    _whole(case, translation)
    return str(response["status"])


def _translate(case: FuzzCase, tail: Tail = ()) -> Translation:
    settings = Settings(model="m", on_unsupported="refuse" if case.refuses else "report")
    translation = to_chat(parse_request(case.request), PRESETS[case.dialect], settings, tail=tail)
    msgspec.json.decode(translation.body())
    return translation


def _stream(case: FuzzCase, pieces: Sequence[bytes]) -> bytes:
    stream = ResponseStream(_translate(case), new_id=counted_ids(), created_at=1)
    encoder = SSEEncoder()
    frames = [encoder.encode(stream.start())]
    limits = Limits.of(grammar_retries=2, empty_retries=2)
    tail: Tail = ()
    for status, said in case.before:
        if status != 200:
            stream.begin_answer(_translate(case, tail))  # as it was learned anew
            continue
        decoder = ChunkDecoder()
        frames.append(encoder.encode(stream.feed(*decoder.feed(said.encode("latin-1")), *decoder.close())))
        ended = stream.end_answer(said_done=decoder.said_done)
        follows = None if ended is None else after(ended, limits)
        if not isinstance(follows, Again):
            frames.append(encoder.encode(stream.finish(said_done=decoder.said_done, completed_at=2, limits=limits)))
            return b"".join(frames)
        tail, limits = (*tail, *follows.pieces), follows.limits
        stream.begin_answer(_translate(case, tail))
    decoder = ChunkDecoder()
    for piece in pieces:
        frames.append(encoder.encode(stream.feed(*decoder.feed(piece))))
    frames.append(encoder.encode(stream.feed(*decoder.close())))
    frames.append(encoder.encode(stream.finish(said_done=decoder.said_done, completed_at=2)))
    assert stream.ended
    return b"".join(frames)


def _whole(case: FuzzCase, translation: Translation) -> None:
    """The same bytes as a whole answer."""
    try:
        chunk = parse_chunk(b"".join(case.pieces))
    except BridgeError:
        return
    if error_in_chunk(chunk) is None:
        stream = ResponseStream(translation, new_id=counted_ids(), created_at=1, heard=False)
        stream.start()
        stream.feed(chunk)
        stream.finish(said_done=True, completed_at=2)
        msgspec.json.encode(stream.response)
        assert stream.ended
