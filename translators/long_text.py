"""`LongText`: a text of megabytes in pieces, for as long as nobody needs it as one, and JSON that holds such texts.

A response says a text four times in its last events. To put 20 MB together takes ten milliseconds and more, and to
write them as JSON a tenth of a second, each time; so it stays in pieces, and their JSON is made once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import msgspec
from msgspec import Raw

LONG_CHARACTERS = 1 << 16
"""From here on a text stays in pieces: shorter ones are written in a fraction of a millisecond."""

PIECE_CHARACTERS = 1 << 16
"""Of a piece at most, so that its JSON is made in half a millisecond."""

_QUOTE = b'"'
# Stands for a long text in JSON that is to be cut there.
_MARK = Raw(rb'"\u0000a long text\u0000"')
_encode_text: Callable[[str], bytes] = msgspec.json.Encoder().encode


class LongText:
    """A text in pieces; `str()` puts it together."""

    __slots__ = ("_json", "pieces")

    def __init__(self, pieces: Iterable[str]) -> None:
        self.pieces = tuple(_even(pieces))
        self._json: list[bytes] = []  # of the first pieces, as far as anybody has asked

    def __repr__(self) -> str:
        return f"LongText({sum(map(len, self.pieces))} characters)"

    def __str__(self) -> str:
        return "".join(self.pieces)

    def json(self) -> Iterator[bytes]:
        """Its JSON, piece by piece."""
        yield _QUOTE
        for place, piece in enumerate(self.pieces):
            if place == len(self._json):
                self._json.append(_encode_text(piece)[1:-1])
            yield self._json[place]
        yield _QUOTE


AnyText = str | LongText


class LongJson(Exception):
    """A value holds a text that is too long to be written in one step."""


def joined(pieces: Sequence[str]) -> AnyText:
    """The text that these pieces are."""
    return "".join(pieces) if sum(map(len, pieces)) < LONG_CHARACTERS else LongText(pieces)


def as_long(text: str) -> AnyText:
    return text if len(text) < LONG_CHARACTERS else LongText((text,))


def _even(pieces: Iterable[str]) -> Iterator[str]:
    """The same text in pieces of much the same length, in steps by their number and not by that of the given ones."""
    given = [*pieces]
    ends = [*accumulate(map(len, given))]
    first = start = 0  # the piece that is next, and how long the text before it is
    while first < len(given):
        behind = bisect_right(ends, start + PIECE_CHARACTERS, lo=first)
        if behind == first:  # a long one
            piece, behind = given[first], first + 1
            yield from (piece[at : at + PIECE_CHARACTERS] for at in range(0, len(piece), PIECE_CHARACTERS))
        else:
            yield "".join(given[first:behind])
        first, start = behind, ends[behind - 1]


def gathered(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces that are as long as `size`, or up to one of the given pieces longer."""
    held: list[bytes] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += len(piece)
        if count >= size:
            yield b"".join(held)
            held, count = [], 0
    if held:
        yield b"".join(held)


def _whole(value: Any) -> Raw:
    if type(value) is LongText:
        return Raw(b"".join(value.json()))
    raise TypeError(f"{type(value).__name__} has no JSON")


def _refuse(value: Any) -> Raw:
    if type(value) is LongText:
        raise LongJson
    return _whole(value)


encode_json: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=_whole).encode
"""The JSON of a value that may hold long texts."""

encode_short: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=_refuse).encode
"""The JSON of a value. Raises LongJson where it holds a long text."""


def json_pieces(value: Any, finish: Callable[[bytes], bytes] = bytes) -> Iterator[bytes]:
    """The JSON of a value, its long texts piece by piece; `finish` is done to what is around them, all at once."""
    texts: list[LongText] = []

    def mark(value: Any) -> Raw:
        if type(value) is not LongText:
            return _whole(value)
        texts.append(value)
        return _MARK

    around = finish(msgspec.json.Encoder(enc_hook=mark).encode(value)).split(bytes(_MARK))
    if len(around) != len(texts) + 1:  # somebody else wrote a mark
        yield finish(encode_json(value))
        return
    yield around[0]
    for text, behind in zip(texts, around[1:], strict=True):
        yield from text.json()
        yield behind
