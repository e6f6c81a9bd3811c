"""`Sealer`: makes bytes into text that travels through clients and comes back, and opens what it made."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Protocol


class Sealer(Protocol):
    def of(self, owners: Sequence[str]) -> Sealer:
        """The sealer of a caller: seals for the first of its owners, and opens what was sealed for any of them."""
        ...

    def seal(self, content: bytes) -> str: ...

    def open(self, sealed: str) -> bytes | None:
        """What was sealed, or None for anything else: sealed elsewhere or for another owner, or damaged."""


class PlainSealer:
    """Seals nothing: whoever looks can read it."""

    prefix = "dragoman-plain-1."

    def of(self, owners: Sequence[str]) -> Sealer:
        return self

    def seal(self, content: bytes) -> str:
        return self.prefix + base64.urlsafe_b64encode(content).decode()

    def open(self, sealed: str) -> bytes | None:
        if not sealed.startswith(self.prefix):
            return None
        try:
            return base64.b64decode(sealed.removeprefix(self.prefix), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None


PLAIN = PlainSealer()
