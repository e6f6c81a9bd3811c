"""The small pieces: texts with everything that breaks decoders, JSON values, and ways to cut a text or bytes.

Strategies without parameters of their own are built once (`cache`): building them costs more than drawing.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from hypothesis import strategies as st

S = TypeVar("S", str, bytes)
T = TypeVar("T")

NAME_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
# Each of these broke some client or bridge: line separators inside JSON, NUL, astral and joined emoji, escapes, markup.
AWKWARD = (
    "\u2028\u2029\u0085",
    "\x00\x1f",
    "👩\u200d🚀🇳🇴",
    "日本語",
    'a "quote" \\ and \\u0041',
    "line\r\nline\n\nline",
    "data: [DONE]\n\n",
    "<think>no</think>",
    "</think>",
    "e\u0301",
    "long " * 700,
)


@cache
def texts(max_size: int = 12) -> st.SearchStrategy[str]:
    """Any text that JSON in UTF-8 can hold, maybe empty."""
    return st.one_of(st.text(st.characters(codec="utf-8"), max_size=max_size), st.sampled_from(AWKWARD))


@cache
def names() -> st.SearchStrategy[str]:
    """A function name that every strict chat server takes."""
    return st.text(NAME_LETTERS, min_size=1, max_size=64)


@cache
def ids(prefix: str) -> st.SearchStrategy[str]:
    """An id such as `call_1f0a`."""
    return st.text("0123456789abcdef", min_size=4, max_size=12).map(lambda digits: f"{prefix}_{digits}")


@cache
def json_values(max_leaves: int = 8) -> st.SearchStrategy[Any]:
    """Any JSON value; its numbers fit where a strict decoder takes them."""
    leaf = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(min_value=-(2**63), max_value=2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        texts(),
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts(), inner, max_size=4)),
        max_leaves=max_leaves,
    )


@cache
def argument_texts() -> st.SearchStrategy[str]:
    """A JSON object as a model writes it, as text."""
    objects = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=6), json_values(max_leaves=3), max_size=3)
    return st.builds(json.dumps, objects, ensure_ascii=st.booleans(), separators=st.sampled_from([None, (",", ":")]))


@st.composite
def cuts(draw: st.DrawFn, whole: S, max_cuts: int = 6) -> list[S]:
    """`whole` in pieces, none of them empty."""
    if len(whole) < 2:
        return [whole] if whole else []
    points: list[int] = sorted(draw(st.lists(st.integers(1, len(whole) - 1), unique=True, max_size=max_cuts)))
    return [whole[start:end] for start, end in zip([0, *points], [*points, len(whole)], strict=True)]


def chunkings(data: bytes) -> st.SearchStrategy[list[bytes]]:
    """Ways in which a transport may hand over `data`: whole, byte by byte, or cut anywhere."""
    byte_by_byte = [data[n : n + 1] for n in range(len(data))]
    return st.one_of(st.just([data] if data else []), st.just(byte_by_byte), cuts(data, max_cuts=20))


@st.composite
def interleaved(draw: st.DrawFn, sequences: Sequence[Sequence[T]]) -> list[T]:
    """All elements in one list: each sequence in its own order, and their first elements in order too."""
    queues = [deque(sequence) for sequence in sequences if sequence]
    opened = 0
    mixed = []
    while any(queues):
        ready = [number for number in range(opened) if queues[number]]
        if opened < len(queues):
            ready.append(opened)
        number = draw(st.sampled_from(ready))
        opened = max(opened, number + 1)
        mixed.append(queues[number].popleft())
    return mixed
