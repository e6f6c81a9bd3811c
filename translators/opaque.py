"""`Opaque`: what a backend wants back verbatim and nobody else can read; it travels in `encrypted_content`.

Packed, it is text that names itself; whoever seals the content of reasoning items may seal it like any other.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec
from msgspec import Struct

_PREFIX = "dragoman-opaque-1."


class Opaque(Struct, omit_defaults=True):
    """`details` are OpenRouter's and MiniMax's records of a thought, `calls` what Gemini puts beside each call."""

    model: str  # another model could not verify it
    details: list[Any] = []
    calls: dict[str, Any] = {}

    @property
    def empty(self) -> bool:
        return not self.details and not self.calls


def pack(opaque: Opaque) -> str:
    return _PREFIX + base64.urlsafe_b64encode(msgspec.json.encode(opaque)).decode()


def unpack(content: str) -> Opaque | None:
    """What `pack` made, or None for anything else."""
    if not content.startswith(_PREFIX):
        return None
    try:
        packed = base64.urlsafe_b64decode(content.removeprefix(_PREFIX))
        return msgspec.json.decode(packed, type=Opaque)
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        return None
