"""Header fields: checked on their way out, so that none can end its line and begin another, and joined on their way in.

A `ValueError` names the header and never its value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

Headers = Sequence[tuple[str, str]]

_is_token = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
# RFC 9110 5.5: visible characters, space, tab and obs-text.
_find_unsafe = re.compile(r"[^\t\x20-\x7e\x80-\xff]").search
# They frame the message or speak of this one connection, which is the transport's own matter.
_OWNED = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def check_method(method: str) -> None:
    if not _is_token(method):
        raise ValueError("a method must be an HTTP token")


def check_fields(headers: Headers) -> None:
    for name, value in headers:
        if not _is_token(name):
            raise ValueError(f"header name {name!r} is not an HTTP token")
        if _find_unsafe(value):
            raise ValueError(f"the value of header {name!r} holds a character that HTTP does not allow")
        if name.lower() in _OWNED:
            raise ValueError(f"header {name!r} is written by the transport and cannot be given")


def join_fields(fields: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Lower-case names; the values of a repeated one joined with a comma."""
    joined: dict[str, str] = {}
    for raw_name, raw_value in fields:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
