"""Who may come in, and who that is: the inbound keys of the configuration, found by their digests."""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import lru_cache
from typing import TypeVar

from msgspec import Struct

from proxy.config import Config
from translators.errors import InvalidRequest

T = TypeVar("T")


class Caller(Struct, frozen=True):
    """Whom a request is from: a key of the configuration, or whoever presented any where none is asked for.

    `name` is for logs, and "" where no key is asked for. What a caller leaves behind belongs to `owner`, and so does
    what `former` owners left: a key that had no name yet owned by its digest what its name owns now. `models` are the
    names and patterns that may be asked for, or None for all.
    """

    name: str
    owner: str
    former: tuple[str, ...] = ()
    models: tuple[str, ...] | None = None

    @property
    def owners(self) -> tuple[str, ...]:
        """Where to look for what is the caller's, the most likely first."""
        return (self.owner, *self.former)

    def may_use(self, model: str) -> bool:
        return self.models is None or any(_matches(pattern, model) for pattern in self.models)


class Access:
    """Without keys everybody may come in; with keys, whoever sends one as a Bearer token."""

    def __init__(self, config: Config) -> None:
        self._callers = dict(_callers(config))
        self.asks_for_keys = bool(self._callers)

    def identify(self, headers: Mapping[str, str]) -> Caller:
        """Raises InvalidRequest (401)."""
        authorization = headers.get("authorization", "")
        if not self.asks_for_keys:
            return _known_stranger(authorization) if len(authorization) <= _MOST_KNOWN else _stranger(authorization)
        scheme, token = _scheme_and_token(authorization)
        given = token if scheme.lower() == "bearer" else ""
        # The time that it takes to find a digest tells nothing of the keys: nobody can choose digests.
        caller = self._callers.get(digest_of(given)) if given else None
        if caller is None:
            message = "Incorrect API key provided." if given else "No API key provided: send one as a Bearer token."
            raise InvalidRequest(message, status=401, code="invalid_api_key")
        return caller


async def first_found(caller: Caller, look: Callable[[str], Awaitable[T]]) -> T:
    """What `look` finds for the caller's owners, one after the other; the last one's answer where none finds any."""
    found = await look(caller.owner)
    for owner in caller.former:
        if found:
            break
        found = await look(owner)
    return found


def digest_of(key: str) -> str:
    """SHA-256 of a key as 64 hexadecimal digits, as `keys.<name>.sha256` holds it."""
    return hashlib.sha256(key.encode("latin-1", "replace")).hexdigest()


_OWNER_DIGITS = 32  # of a digest, by which the store tells callers without a name apart
_MOST_KNOWN = 512  # characters of what is remembered; keys have some hundred


def _scheme_and_token(authorization: str) -> tuple[str, str]:
    scheme, _, token = authorization.strip().partition(" ")
    return scheme, token.strip()


def _stranger(authorization: str) -> Caller:
    """Whoever sends this header where no key is asked for: what has none belongs to nobody in particular."""
    scheme, token = _scheme_and_token(authorization)
    shown = token or scheme
    return Caller("", digest_of(shown)[:_OWNER_DIGITS] if shown else "")


# A client sends the same header with every request.
_known_stranger = lru_cache(maxsize=256)(_stranger)


def _callers(config: Config) -> Iterator[tuple[str, Caller]]:
    """Every key's digest, and who presents it."""
    for index, key in enumerate(config.server.api_keys):
        digest = digest_of(key.reveal())
        yield digest, Caller(f"api_keys[{index}]", digest[:_OWNER_DIGITS])
    for name, settings in config.keys.items():
        digests = list(settings.sha256)
        if settings.key is not None:
            digests.insert(0, digest_of(settings.key.reveal()))
        caller = Caller(name, name, tuple(digest[:_OWNER_DIGITS] for digest in digests), settings.models)
        for digest in digests:
            yield digest, caller


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern))


def _matches(pattern: str, model: str) -> bool:
    return _pattern(pattern).match(model) is not None
