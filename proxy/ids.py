"""Identifiers. Those of a response's items begin with all digits of its own, and so tell where they are kept."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from translators.ids import CALL, RESPONSE

NewId = Callable[[str], str]

_RESPONSE = re.compile(rf"{RESPONSE}_[0-9a-f]{{32}}")
_ITEM = re.compile(r"[a-z]+_([0-9a-f]{32})[0-9a-f]{4}")


def random_id(prefix: str) -> str:
    """An identifier such as `resp_4f…`, within the 64 characters that OpenAI's servers accept.

    What it begins with is told by `translators.ids` and, for items, by their rows in `translators.kinds`.
    """
    return f"{prefix}_{os.urandom(16).hex()}"


class ResponseIds:
    """Makes those of one response and its items, of what `new_id` gives."""

    def __init__(self, new_id: NewId) -> None:
        self._new_id = new_id
        self._stem: str | None = None
        self._count = 0

    def __call__(self, prefix: str) -> str:
        # Upstreams read the ids of calls, and some take none of more than 40 characters.
        if self._stem is None or prefix == CALL or self._count == 0xFFFF:
            made = self._new_id(prefix)
            if prefix == RESPONSE and _RESPONSE.fullmatch(made):
                self._stem = made.removeprefix(f"{RESPONSE}_")
            return made
        self._count += 1
        return f"{prefix}_{self._stem}{self._count:04x}"


def response_of(item_id: str) -> str | None:
    """The response whose item this is, where the id tells it."""
    item = _ITEM.fullmatch(item_id)
    return None if item is None else f"{RESPONSE}_{item[1]}"
