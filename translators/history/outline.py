"""`outline_of`: the few fields of an item by which a history is divided, read without reading the rest of it."""

from __future__ import annotations

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


_DECODER = msgspec.json.Decoder(Outline)
_NONE = Outline()


def outline_of(raw: Raw) -> Outline:
    """The outline of an item, and an empty one of what is none: the translation says what is wrong with it."""
    try:
        return _DECODER.decode(raw)
    except msgspec.ValidationError:
        return _NONE
