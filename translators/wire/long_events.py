"""`read_long`: the chunks of an event of megabytes, made a little at a time.

To decode a text of 20 MB in one step takes up to a tenth of a second, and everything else waits for it. So it is cut
where it stands in the payload, as JSON, and each piece is decoded by itself; what they say together is the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Raw, Struct

from translators.errors import UpstreamProtocolError
from translators.limits import too_large_to_mend
from translators.schema.chat import ChatChunk
from translators.wire.chunk_template import SPOKEN, Chunk, ChunkRun, find_text
from translators.wire.payload import parse_chunk
from translators.wire.sse import LongPayload, Payload

PIECE_BYTES = 1 << 16
"""Of JSON that is decoded in one step, and so about as many characters of one delta."""

_PIECES_AT_ONCE = 8  # for one turn of the event loop: two milliseconds or so
_ENDS = 1 << 12  # bytes at either end of a payload in which all stands that is not its one long text
_OPENING = re.compile(rb'"(%b)"\s*:\s*"' % b"|".join(field.encode() for field in (*SPOKEN, "arguments")))
_PLACEHOLDER = "text"
_TEXT = msgspec.json.Decoder(str)
_ANYTHING = msgspec.json.Decoder(Raw)
_LONGEST_ESCAPE = 6  # \u00e9
_FIRST_HALF = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}")


def read_long(payload: Payload) -> Iterator[list[Chunk]]:
    """The chunks that say what the payload does; nothing at a step that only prepared the next.

    Raises UpstreamProtocolError where `parse_chunk` would.
    """
    pieces = payload.pieces if isinstance(payload, LongPayload) else [payload]
    around = _find(pieces)
    if around is not None:
        texts: list[str] = []
        try:
            for text in _decode(_cut(pieces, around)):
                texts.append(text)
                if not len(texts) % _PIECES_AT_ONCE:
                    yield []
        except (msgspec.DecodeError, UnicodeError):
            pass  # it was no single text
        else:
            yield from _chunks_of(around, texts)
            return
    if not _ends(pieces)[1].rstrip().endswith((b"}", b"]")):
        raise too_large_to_mend()  # it breaks off
    whole = bytes(payload)
    yield []
    _check(whole)
    yield []
    yield [parse_chunk(whole)]


def _chunks_of(around: _Around, texts: list[str]) -> Iterator[list[Chunk]]:
    chunk = around.chunk()
    place = find_text(chunk)
    assert place is not None, "_find has seen it"
    setattr(place.holder, place.field, "".join(texts[:1]))
    yield [chunk]
    for at in range(1, len(texts), _PIECES_AT_ONCE):
        yield [ChunkRun(place.field, texts[at : at + _PIECES_AT_ONCE], place.call)]


def _check(payload: bytes) -> None:
    """Raises UpstreamProtocolError for what is no JSON, in a fraction of the time that reading it takes.

    What passes holds something else than one long text, such as a picture, whose letters need no decoding.
    """
    try:
        _ANYTHING.decode(payload)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise too_large_to_mend() from None


class _Around(Struct, frozen=True):
    """What stands before and behind the one long text of a payload, without its quotes."""

    before: bytes
    behind: bytes

    def chunk(self) -> ChatChunk:
        """With another text. Raises UpstreamProtocolError."""
        return parse_chunk(self.before + _PLACEHOLDER.encode() + self.behind)


def _find(pieces: Sequence[bytes]) -> _Around | None:
    """What is around the text of a chunk, if nearly all of the payload is that.

    It is certain once the text has been decoded: with another in its place the payload is a chunk of that text.
    """
    head, tail = _ends(pieces)
    openings = [*_OPENING.finditer(head)]
    if not openings:
        return None
    opening = openings[-1]  # those of short texts come before it
    end = -1
    while (end := tail.find(b'"', end + 1)) >= 0 and _backslashes_before(tail, end) % 2:
        pass
    if end < 0:
        return None
    around = _Around(head[: opening.end()], tail[end:])
    try:
        place = find_text(around.chunk())
    except UpstreamProtocolError:
        return None
    fits = place is not None and place.text == _PLACEHOLDER and place.field.encode() == opening[1]
    return around if fits else None


def _ends(pieces: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The first and the last bytes; in a payload that is longer than both, no byte is in both."""
    head, tail = b"", b""
    for piece in pieces:
        head += piece[: _ENDS - len(head)]
        if len(head) == _ENDS:
            break
    for piece in reversed(pieces):
        tail = piece[-(_ENDS - len(tail)) :] + tail
        if len(tail) == _ENDS:
            break
    return head, tail


def _cut(pieces: Sequence[bytes], around: _Around) -> Iterator[bytes]:
    """The text as JSON, without quotes, in pieces that end where a letter ends."""
    left = sum(map(len, pieces)) - len(around.before) - len(around.behind)
    skip, held = len(around.before), b""
    for piece in pieces:
        if skip >= len(piece):
            skip -= len(piece)
            continue
        held += piece[skip : skip + left]
        left -= min(left, len(piece) - skip)
        skip, at = 0, 0
        while len(held) - at > PIECE_BYTES:
            end = _character_end(held, at + PIECE_BYTES)
            yield held[at:end]
            at = end
        held = held[at:]
    if held:
        yield held


def _decode(pieces: Iterable[bytes]) -> Iterator[str]:
    for piece in pieces:
        yield _TEXT.decode(b'"%b"' % piece)


def _character_end(json: bytes, at: int) -> int:
    """The last place up to `at` where a letter of this part of a JSON string ends; it begins with a whole one."""
    for _ in range(3):  # UTF-8 has up to three bytes behind the first
        if json[at] & 0xC0 == 0x80:
            at -= 1
    last = json.rfind(b"\\", at - _LONGEST_ESCAPE + 1, at)
    if last >= 0 and _backslashes_before(json, last + 1) % 2:
        length = _LONGEST_ESCAPE if json[last + 1 : last + 2] == b"u" else 2
        if last + length > at:
            at = last
    first = at - _LONGEST_ESCAPE
    if _FIRST_HALF.match(json, first, at) and _backslashes_before(json, first + 1) % 2:
        at = first  # two escapes are one letter
    return at


def _backslashes_before(json: bytes, at: int) -> int:
    before = json[max(0, at - PIECE_BYTES) : at]
    return len(before) - len(before.rstrip(b"\\"))
