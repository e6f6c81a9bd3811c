"""`Redactor`: what an upstream said, without the secrets that it was sent or that this proxy knows otherwise.

A server that refuses a key often repeats it, as it is, percent-encoded, or with stars in its middle. All of these forms
are taken out of errors, headers that travel back, and lines of the log; answers of models are no such text and pass.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Self
from urllib.parse import quote, unquote, urlsplit

from msgspec import Struct

from proxy.config import Secret

HIDDEN = "***"
MIN_SECRET = 8
"""Shorter ones are placeholders such as `none`, and stand in many words."""

# What stands in the place of the middle of a key: `sk-ab***yz`, `sk-ab...yz`.
_MASK = re.compile(r"\*{2,}|\u2022{2,}|\u2026|\.{3,}|[xX]{4,}")
_MAX_MASKS = 64  # looked at one by one in one text, at some microseconds each; behind them goes every word with a mask
_WORD = re.compile(r"\S+")
_BESIDE_MASK = 64
_MIN_SHOWN = 4  # characters of a secret beside its stars, from which on it is one's own
_WORD_END = re.compile(r"[A-Za-z0-9_.+/=~-]*\Z")
_WORD_START = re.compile(r"[A-Za-z0-9_+/=~-]*")
_SECRET_NAME = re.compile(r"key|token|secret|password|signature|\bsig\b", re.IGNORECASE)


class Redactor:
    """Hides `secrets` in any text. It can be pickled, for worker processes, and shows nothing of them by itself."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted(
            {form for secret in secrets for form in _forms(secret) if len(form) >= MIN_SECRET}, key=len, reverse=True
        )

    @classmethod
    def of(cls, configuration: object) -> Self:
        """Of all secrets within a configuration, or a part of one."""
        return cls(_secrets(configuration))

    def and_of(self, secrets: Iterable[str]) -> Redactor:
        """One that hides these, too."""
        more = [secret for secret in secrets if len(secret) >= MIN_SECRET]
        return Redactor([*self._secrets, *more]) if more else self

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        return self._without_masked(text) if self._secrets and _MASK.search(text) else text

    def __repr__(self) -> str:
        return f"Redactor({len(self._secrets)} secrets)"

    def _without_masked(self, text: str) -> str:
        """Hides what a server left of a key that it had masked by itself."""
        pieces: list[str] = []
        at = 0
        for count, mask in enumerate(_MASK.finditer(text)):
            if count == _MAX_MASKS:
                return "".join([*pieces, _WORD.sub(_without_mask, text[at:])])
            before = _WORD_END.search(text, max(at, mask.start() - _BESIDE_MASK), mask.start())
            after = _WORD_START.match(text, mask.end(), mask.end() + _BESIDE_MASK)
            head, tail = before[0] if before else "", after[0] if after else ""
            if self._is_left_of_one(head, tail):
                pieces += [text[at : mask.start() - len(head)], HIDDEN]
                at = mask.end() + len(tail)
        return "".join([*pieces, text[at:]])

    def _is_left_of_one(self, head: str, tail: str) -> bool:
        if len(head) + len(tail) < _MIN_SHOWN:
            return False
        return any(secret.startswith(head) and secret.endswith(tail) for secret in self._secrets)


def _without_mask(word: re.Match[str]) -> str:
    is_left_of_something = _MASK.search(word[0]) and len(_MASK.sub("", word[0])) >= _MIN_SHOWN
    return HIDDEN if is_left_of_something else word[0]


def _forms(secret: str) -> Iterator[str]:
    """The spellings in which a text may hold it."""
    scheme, _, credentials = secret.partition(" ")
    bare = credentials if credentials and scheme.lower() in ("bearer", "basic", "token") else secret
    for text in {secret, bare, *_within(scheme, bare)}:
        yield text
        yield quote(text, safe="")
        yield json.dumps(text)[1:-1]


def _within(scheme: str, bare: str) -> Iterator[str]:
    """Passwords inside of a secret: of a database's address, of Basic credentials."""
    if scheme.lower() == "basic":
        with contextlib.suppress(binascii.Error, ValueError):
            credentials = base64.b64decode(bare, validate=True).decode()
            yield credentials
            yield credentials.partition(":")[2]
    with contextlib.suppress(ValueError):
        password = urlsplit(bare).password
        if password is not None:
            yield password
            yield unquote(password)


def _secrets(value: object) -> Iterator[str]:
    """The secrets within a value; in a plain mapping also texts under names that speak of one."""
    if isinstance(value, Secret):
        yield value.reveal()
    elif isinstance(value, Struct):
        for field in value.__struct_fields__:
            yield from _secrets(getattr(value, field))
    elif isinstance(value, Mapping):
        for name, member in value.items():
            if isinstance(member, str) and _SECRET_NAME.search(str(name)):
                yield member
            else:
                yield from _secrets(member)
    elif isinstance(value, list | tuple | set | frozenset):
        for member in value:
            yield from _secrets(member)
