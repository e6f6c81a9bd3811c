"""`Opaque`: what the `encrypted_content` of a reasoning item holds for the upstream that gets it back."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from translators.sealing import PLAIN, Sealer


class Opaque(Struct, omit_defaults=True, kw_only=True):
    """`text` is the whole thought. `details` and `calls` are a backend's own records of it and of its calls.

    Those are for the model that made them alone; the text may go to any.
    """

    v: Literal[1]
    model: str
    field: str = ""
    text: str = ""
    details: list[Any] = []
    calls: dict[str, Any] = {}


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
