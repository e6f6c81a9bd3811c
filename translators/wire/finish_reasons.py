"""`is_finish`: whether a chunk's `finish_reason` is one. What it means stands in `answering.ending`."""

from __future__ import annotations

from typing import Any

from translators.words import bare

MAX_REASON = 64
"""So many characters of a reason are looked at: no backend's own is half as long."""

_NO_REASON = frozenset({"", "null", "none"})


def is_finish(reason: Any) -> bool:
    """Whether a `finish_reason` is one: some send an empty one, or the word `null`, with every chunk."""
    return bool(reason) and (type(reason) is not str or bare(reason[:MAX_REASON]) not in _NO_REASON)
