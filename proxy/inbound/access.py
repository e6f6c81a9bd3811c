"""Who may come in, and who that is: the inbound keys of the configuration, found by their digests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from proxy.callers import Caller, Places, digest_of
from proxy.config import Config
from translators.errors import InvalidRequest


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
        former = tuple(digest[:_OWNER_DIGITS] for digest in digests)
        most = settings.concurrency
        places = Places(name, most, f"keys.{name}.concurrency") if most else None
        caller = Caller(name, name, former, settings.models, places)
        for digest in digests:
            yield digest, caller
