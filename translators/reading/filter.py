"""`Filter`: fragments in, fragments out, where one answer to a dialect's quirk needs more than one chunk to see."""

from __future__ import annotations

from translators.fragments import (
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


def could_begin(text: str, marks: tuple[str, ...]) -> int:
    """The length of the longest end of `text` that may be the beginning of one of `marks`."""
    longest = max(map(len, marks), default=1) - 1
    for length in range(min(longest, len(text)), 0, -1):
        tail = text[-length:]
        if any(mark.startswith(tail) for mark in marks):
            return length
    return 0
