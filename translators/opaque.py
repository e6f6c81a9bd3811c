"""`Opaque`: what the `encrypted_content` of a reasoning item holds for the upstream that gets it back."""

from __future__ import annotations

from typing import Any, Literal, Self

import msgspec
from msgspec import Struct

from translators.dialects import Dialect
from translators.sealing import PLAIN, Sealer


class Opaque(Struct, omit_defaults=True, kw_only=True):
    """`text` is the whole thought. What else there is a backend wants back: its `details` of the thought, by call id
    the `extra_content` (`calls`) and other fields (`call_fields`) of its calls, and fields of its `message`.

    Those are for the model that made them alone, and all but the details for the `dialect` that they came in. The text
    may go to any.
    """

    v: Literal[1]
    model: str
    dialect: str = "generic"
    field: str = ""
    text: str = ""
    details: list[Any] = []
    calls: dict[str, Any] = {}
    call_fields: dict[str, dict[str, Any]] = {}
    message: dict[str, Any] = {}

    @property
    def extras(self) -> dict[str, dict[str, Any]]:
        """By call id, the fields that go back with it."""
        whole = {call_id: {"extra_content": extra} for call_id, extra in self.calls.items()}
        return {name: whole.get(name, {}) | self.call_fields.get(name, {}) for name in {**whole, **self.call_fields}}

    @classmethod
    def of(cls, kept: Kept, *, model: str, dialect: Dialect, text: str) -> Self:
        """What `model` thought."""
        calls = {name: extra["extra_content"] for name, extra in kept.calls.items() if "extra_content" in extra}
        others = {
            name: {key: value for key, value in extra.items() if key != "extra_content"}
            for name, extra in kept.calls.items()
        }
        return cls(
            v=1,
            model=model,
            dialect=dialect.name if kept.calls or kept.message else "generic",
            field=dialect.reasoning_field,
            text=text,
            details=kept.details,
            calls=calls,
            call_fields={name: fields for name, fields in others.items() if fields},
            message=kept.message,
        )


class Kept(Struct, gc=False):
    """What a backend wants back: see `Opaque`. Calls are by their ids, and hold the fields to put there."""

    details: list[Any] = []
    calls: dict[str, dict[str, Any]] = {}
    message: dict[str, Any] = {}

    def __bool__(self) -> bool:
        return bool(self.details or self.calls or self.message)


def pack(opaque: Opaque, sealer: Sealer = PLAIN) -> str:
    return sealer.seal(msgspec.json.encode(opaque))


def unpack(sealed: str, sealer: Sealer = PLAIN) -> Opaque | None:
    """What `pack` made, or None for what is foreign, damaged or of a version to come."""
    content = sealer.open(sealed)
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=Opaque)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
