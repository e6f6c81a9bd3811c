"""The checks of single values: each takes the value, gives it in its one spelling, or raises ValueError.

A message never repeats the value it is about: it may be a secret.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from proxy.config.secret import Secret

# RFC 9110, section 5.6.2: token
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
# RFC 9110, section 5.5: visible text, inner spaces and tabs; the ASCII part, which every transport can send
_SEALING_KEY = re.compile(r"[0-9a-fA-F]{64}")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_OWNER_DIGEST = re.compile(r"[0-9a-f]{32}")
_KEY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+")
_HOST = re.compile(r"(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_FIELD_VALUE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?")

# Each of these belongs to one connection or one body, and the proxy writes its own.
_CONNECTION_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
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
_PEER_HEADERS = frozenset(
    {"cookie", "proxy-authenticate", "proxy-authorization", "set-cookie", "set-cookie2", "www-authenticate"}
)


def base_url(value: str) -> str:
    if not _VISIBLE.fullmatch(value):
        raise ValueError("must be an address in visible ASCII characters")
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:  # its message may quote a password
        usable = False
    if not usable:
        raise ValueError("must be an http:// or https:// address")
    if not _has_usable_port(parts):
        raise ValueError("must have a port from 1 to 65535, or none")
    if "@" in parts.netloc:
        raise ValueError("must not hold credentials; use api_key or headers")
    if "?" in value or "#" in value:
        raise ValueError("must not have a query or a fragment: /chat/completions is added to its end")
    bare = value.rstrip("/")
    if bare.endswith("/chat/completions"):
        raise ValueError("must end before /chat/completions, which is added to it")
    return bare


def _has_usable_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:  # not a number, or too large a one
        return False


def api_key(value: Secret) -> Secret:
    if not _VISIBLE.fullmatch(value.reveal()):
        raise ValueError("must be one or more visible ASCII characters (no space or line break, not even at the end)")
    return value


def header_value(value: Secret) -> Secret:
    if not _FIELD_VALUE.fullmatch(value.reveal()):
        raise ValueError("must be visible ASCII text without a line break or a space at either end")
    return value


def fixed_header(value: str) -> str:
    """The name of a header with a value from the file, where credentials may stand."""
    return _header_name(value, _CONNECTION_HEADERS | _PEER_HEADERS)


def travelling_header(value: str) -> str:
    """The name of a header copied from one side to the other, where credentials must not."""
    return _header_name(value, _CONNECTION_HEADERS | _PEER_HEADERS | {"authorization"})


def _header_name(value: str, refused: frozenset[str]) -> str:
    name = value.lower()
    if not _TOKEN.fullmatch(name):
        raise ValueError("must be the name of an HTTP header")
    if name in refused:
        raise ValueError(f"{name} cannot be named here: the proxy itself decides about it")
    return name


def existing_file(value: str) -> str:
    if not Path(value).is_file():
        raise ValueError("no such file")
    return value


def dsn(value: Secret) -> Secret:
    try:
        usable = urlsplit(value.reveal()).scheme in ("postgres", "postgresql")
    except ValueError:  # its message may quote a password
        usable = False
    if not usable:
        raise ValueError("must be a postgresql:// address")
    return value


def sealing_key(value: Secret) -> Secret:
    if not _SEALING_KEY.fullmatch(value.reveal()):
        raise ValueError("must be 64 hexadecimal digits, as `openssl rand -hex 32` makes them")
    return value


def key_name(value: str) -> str:
    """Checks the name of a caller.

    What it stores belongs to that name; that of a caller without one belongs to 32 digits of its key's digest.
    """
    if not _KEY_NAME.fullmatch(value) or _OWNER_DIGEST.fullmatch(value):
        raise ValueError("must be up to 64 letters, digits, dots, hyphens or underscores (and not 32 hex digits)")
    return value


def sha256(value: str) -> str:
    if not _SHA256.fullmatch(value):
        raise ValueError("must be 64 hexadecimal digits, as `printf %s YOUR_KEY | sha256sum` prints them")
    return value.lower()


def origin(value: str) -> str:
    if value not in ("*", "null") and not _ORIGIN.fullmatch(value.lower()):
        raise ValueError("must be an origin such as https://app.example.com:8443, without a path, or *")
    return value.lower()


def allowed_host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError("must be the name of a host without a port, or *.example.com for all names below one")
    return value.lower()


# The configuration's own types: `decode` runs the check that an annotation names.
BaseUrl = Annotated[str, base_url]
ApiKey = Annotated[Secret, api_key]
HeaderValue = Annotated[Secret, header_value]
FixedHeader = Annotated[str, fixed_header]
TravellingHeader = Annotated[str, travelling_header]
ExistingFile = Annotated[str, existing_file]
Dsn = Annotated[Secret, dsn]
SealingKey = Annotated[Secret, sealing_key]
KeyName = Annotated[str, key_name]
Sha256 = Annotated[str, sha256]
Origin = Annotated[str, origin]
AllowedHost = Annotated[str, allowed_host]
