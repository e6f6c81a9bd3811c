"""`Filter`: fragments in, fragments out, where one answer to a dialect's quirk needs more than one chunk to see."""

from __future__ import annotations

from translators.answering.fragments import (
    Adapted,
    CallExtra,
    Fragment,
    Kept,
    Reasoning,
    ReasoningDetails,
    ServiceTier,
    Text,
    Usage,
)

# What is beside the text and lets a filter of the text hold back what it holds.
BESIDE_TEXT: frozenset[type[Fragment]] = frozenset(
    {Reasoning, ReasoningDetails, Kept, CallExtra, Usage, ServiceTier, Adapted}
)
BESIDE_CALLS: frozenset[type[Fragment]] = BESIDE_TEXT | {Text}


class Filter:
    """`done` once the filter will change nothing any more; what it `ignores` it never gets to see."""

    done = False
    ignores: frozenset[type[Fragment]] = frozenset()

    def feed(self, fragment: Fragment) -> list[Fragment]:
        raise NotImplementedError

    def flush(self) -> list[Fragment]:
        """What was held back, at the end of the answer or before something that ends it."""
        return []


MOST_SPACE = 4096
"""White space that waits to be told whether a mark follows it: more than that is white space."""


class Lookout:
    """Watches for marks in a text that comes in pieces and is held back: what has been looked through is not again."""

    def __init__(self, marks: tuple[str, ...]) -> None:
        self.size = 0
        self._marks = marks
        self._longest = max(map(len, marks), default=1) - 1
        self._pieces: list[str] = []
        self._tail = ""

    def add(self, piece: str) -> bool:
        """Whether a mark ends within the piece."""
        self._pieces.append(piece)
        self.size += len(piece)
        before, window = len(self._tail), self._tail + piece
        self._tail = window[len(window) - self._longest :] if len(window) > self._longest else window
        return any(window.find(mark, max(0, before - len(mark) + 1)) >= 0 for mark in self._marks)

    def take(self) -> str:
        """All that has been held back."""
        text = "".join(self._pieces)
        self._pieces, self._tail, self.size = [], "", 0
        return text


def could_begin(text: str, marks: tuple[str, ...]) -> int:
    """The length of the longest end of `text` that may be the beginning of one of `marks`."""
    longest = max(map(len, marks), default=1) - 1
    for length in range(min(longest, len(text)), 0, -1):
        tail = text[-length:]
        if any(mark.startswith(tail) for mark in marks):
            return length
    return 0
