"""`outline_of`: the few fields of an item by which a history is divided, read without reading the rest of it."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct


class Outline(Struct):
    """An item without a `type` is a message where it has a `role`."""

    type: str | None = None
    role: str | None = None
    id: str | None = None

    @property
    def kind(self) -> str:
        return self.type or "message"

    @property
    def instructs(self) -> bool:
        """Whether it is a message of the system's or the developer's."""
        return self.kind == "message" and self.role in ("system", "developer")

    @property
    def asks(self) -> bool:
        """Whether it is a message that the model has to answer."""
        return self.kind == "message" and self.role == "user"


class _Loose(Struct):
    type: Any = None
    role: Any = None
    id: Any = None


UNKNOWN = "unknown"
"""Stands for the type of what has one that is no text, or is no object."""

_DECODER = msgspec.json.Decoder(Outline)
_LOOSE = msgspec.json.Decoder(_Loose)


def outline_of(raw: Raw) -> Outline:
    """The outline of an item. One of a type that nobody knows may have anything under the other names."""
    try:
        return _DECODER.decode(raw)
    except msgspec.ValidationError:
        return _outline_of_odd(raw)


def _outline_of_odd(raw: Raw) -> Outline:
    try:
        said = _LOOSE.decode(raw)
    except msgspec.ValidationError:
        return Outline(type=UNKNOWN)
    type_ = said.type if isinstance(said.type, str | None) else UNKNOWN
    return Outline(type_, *(text if isinstance(text, str) else None for text in (said.role, said.id)))
