"""`read_array`: a long JSON array in slices, so that no step takes longer than some milliseconds.

Nothing else of a process runs while one call of a library reads tens of megabytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec
from msgspec import Raw

from translators.steps import step

T = TypeVar("T")

SLICE_BYTES = 1 << 20
"""About as many are read in one step: one or two milliseconds."""

_BETWEEN = re.compile(rb"\}[ \t]*(,)[ \t]*\{")
_TRIES = 8  # each reads as much again


def read_array(array: bytes | Raw, read: Callable[[bytes], T]) -> Iterator[T]:
    """What `read` gives for the members of an array, several at a time, which it gets as an array; all in their order.

    There is no white space around the array. It is cut where a member seems to end. One did if what is cut off is an
    array by itself, of which `read` raises DecodeError if it is none: then the cut was within a member, and the next
    such place is tried.
    """
    view = memoryview(array)
    start, end = 1, len(view) - 1
    while start < end:
        stop = start + SLICE_BYTES
        for _ in range(_TRIES):
            cut = _BETWEEN.search(view, stop, end)
            stop = end if cut is None else cut.start(1)
            try:
                made = read(b"".join((b"[", view[start:stop], b"]")))
            except msgspec.DecodeError:
                if stop == end:
                    raise
            else:
                break
        else:
            stop = end  # members hold such places again and again
            made = read(b"".join((b"[", view[start:stop], b"]")))
        yield made
        step()
        start = stop + 1
