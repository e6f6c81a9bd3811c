"""Tool call ids in the forms that backends insist on; the client keeps its own.

Every form is a function of the id alone, so that the same history gives the same bytes again.
"""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Callable

_DIGITS = string.digits + string.ascii_letters
_ALNUM9 = re.compile(r"[a-zA-Z0-9]{9}")
_MAX40 = 40


def alnum9(call_id: str) -> str:
    """Makes an id of exactly nine letters and digits, as Mistral wants it (anomalyco/opencode#1680)."""
    if _ALNUM9.fullmatch(call_id):
        return call_id
    number = int.from_bytes(hashlib.sha256(call_id.encode()).digest()[:8], "big")
    digits = []
    for _ in range(9):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(digits)


def max40(call_id: str) -> str:
    """Makes an id of no more than forty characters, as OpenAI wants it."""
    if len(call_id) <= _MAX40:
        return call_id
    return f"call_{hashlib.sha256(call_id.encode()).hexdigest()[: _MAX40 - 5]}"


def keep(call_id: str) -> str:
    return call_id


CALL_ID_FORMS: dict[str, Callable[[str], str]] = {"keep": keep, "alnum9": alnum9, "max40": max40}
