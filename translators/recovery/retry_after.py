"""When to come back: `retry_after(headers)` and `retry_after_in(message)`, in whole seconds as `Retry-After` has them.

Codex gives up at a 429 without that header, so backends that tell the time elsewhere are read too
(awsl-project/maxx#422).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

_MAX_SECONDS = 86_400
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?")
_DATE = re.compile(r"(?:[A-Z][a-z]{2}, )?\d{1,2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d{2}:\d{2}:\d{2} (?:GMT|UTC)")
_SPAN = re.compile(
    r"(\d{1,9}(?:\.\d{1,9})?)\s*(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?)(?![a-z])", re.IGNORECASE
)
_HINT = re.compile(r"(?:again|retry|retrydelay|wait)\b\D{0,20}(?=\d)", re.IGNORECASE)


def retry_after(headers: Mapping[str, str]) -> str | None:
    """`headers` by lower-case name; a date in `Retry-After` passes as it is, and what is neither is no hint."""
    said = headers.get("retry-after", "")
    if _NUMBER.fullmatch(said):
        return _whole(float(said))
    if _DATE.fullmatch(said):
        return said
    milliseconds = headers.get("retry-after-ms", "")
    if _NUMBER.fullmatch(milliseconds):
        return _whole(float(milliseconds) / 1000)
    return None


def retry_after_in(message: str) -> str | None:
    """What a message such as `Please try again in 1m30.5s` says."""
    hint = _HINT.search(message)
    if hint is None:
        return None
    seconds, at = 0.0, hint.end()
    while span := _SPAN.match(message, at):
        seconds += float(span[1]) * _unit(span[2].lower())
        at = span.end()
    return _whole(seconds) if seconds else None


def _unit(name: str) -> float:
    if name.startswith(("ms", "mil")):
        return 0.001
    return {"h": 3600.0, "m": 60.0, "s": 1.0}[name[0]]


def _whole(seconds: float) -> str:
    return str(min(_MAX_SECONDS, max(1, math.ceil(seconds))))
