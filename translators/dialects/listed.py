"""`Listed`: how a backend's own list of models (`GET /models`) tells whose it is; `read_entries` reads such a list.

A sign is one that no other server is known to show: many of them write `openai` into `owned_by`, for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

MAX_ENTRIES = 2000

Entry = dict[str, Any]


class Listed(Struct, frozen=True):
    """What every entry of the list has; the owner of one of them is enough where it is `owner_of_some`."""

    owner: str | None = None
    fields: tuple[str, ...] = ()
    owner_of_some: bool = False
    owner_is_id: bool = False

    def matches(self, entries: Sequence[Entry]) -> bool:
        if not entries or not all(field in entry for field in self.fields for entry in entries):
            return False
        if self.owner_is_id and not all(entry.get("owned_by") == entry.get("id") for entry in entries):
            return False
        if self.owner is None:
            return True
        owners = [entry.get("owned_by") == self.owner for entry in entries]
        return any(owners) if self.owner_of_some else all(owners)


class _List(Struct):
    data: list[Entry]


def read_entries(body: bytes) -> list[Entry]:
    """Returns the entries of a list of models; none where it is no such list. Together sends it bare."""
    try:
        found = msgspec.json.decode(body, type=list[Entry] | _List)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return []
    entries = found.data if isinstance(found, _List) else found
    return entries[:MAX_ENTRIES] if all(type(entry.get("id")) is str for entry in entries) else []
