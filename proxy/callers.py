"""`Caller`: whom a request is from, as everybody needs to know it who keeps or looks for what is somebody's."""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from types import TracebackType
from typing import TypeVar

from msgspec import Struct

from translators.errors import BridgeError

T = TypeVar("T")


class Places:
    """How many requests a caller has under way in this process, of how many; `with` is one of them.

    `limited_by` is the setting. What began by itself, as a background run does, may `begin` where none is left.
    """

    __slots__ = ("_limited_by", "_most", "_name", "taken")

    def __init__(self, name: str, most: int, limited_by: str) -> None:
        self.taken = 0
        self._name = name
        self._most = most
        self._limited_by = limited_by

    def __repr__(self) -> str:
        return f"Places({self.taken} of {self._most} for {self._name})"

    def begin(self) -> None:
        self.taken += 1

    def end(self) -> None:
        self.taken -= 1

    def __enter__(self) -> None:
        """Raises BridgeError (429) where no place is left."""
        if self.taken >= self._most:
            message = f"'{self._name}' has as many requests under way as it may: {self._most} ({self._limited_by})."
            raise BridgeError(message, status=429, type="rate_limit_error", code="rate_limit_exceeded", retry_after="1")
        self.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


class Caller(Struct, frozen=True):
    """Whom a request is from: a key of the configuration, or whoever presented any where none is asked for.

    `name` is for logs, and "" where no key is asked for. What a caller leaves behind belongs to `owner`, and so does
    what `former` owners left: a key that had no name yet owned by its digest what its name owns now. `models` are the
    names and patterns that may be asked for, or None for all; `places` are for its requests, where those are limited.
    """

    name: str
    owner: str
    former: tuple[str, ...] = ()
    models: tuple[str, ...] | None = None
    places: Places | None = None

    @property
    def owners(self) -> tuple[str, ...]:
        """Where to look for what is the caller's, the most likely first."""
        return (self.owner, *self.former)

    def may_use(self, model: str) -> bool:
        return self.models is None or any(_matches(pattern, model) for pattern in self.models)


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


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern))


def _matches(pattern: str, model: str) -> bool:
    return _pattern(pattern).match(model) is not None
