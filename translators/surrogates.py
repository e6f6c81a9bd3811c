"""Halves of surrogate pairs in JSON: U+FFFD takes the place of each that is alone (`mended`).

A half has no UTF-8, so readers refuse it; clients that cut a text in the middle of an emoji send them all the same.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import Raw

# One escape after the other: a whole pair, half of one, or any other.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_ANYTHING = msgspec.json.Decoder(Raw)


def has_any(json: bytes) -> bool:
    """Whether there may be halves, or whole pairs, as escapes."""
    return b"\\ud" in json or b"\\uD" in json


def mended(json: bytes) -> bytes:
    """The same JSON with U+FFFD for each half that has no other beside it; what can be read stays as it is."""
    if not has_any(json) or _is_readable(json):
        return json
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], json)


def _is_readable(json: bytes) -> bool:
    try:
        _ANYTHING.decode(json)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def mended_utf8(text: bytes) -> bytes:
    """What was encoded half by half as UTF-8. Raises UnicodeDecodeError for what is something else."""
    halves = text.decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass")
    return halves.decode("utf-16-le", "replace").encode()
