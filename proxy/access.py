"""Who may come in: the inbound keys of the configuration, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from proxy.config import Secret
from translators.errors import InvalidRequest


def owner_of(headers: Mapping[str, str]) -> str:
    """Whose a request is: a digest of its key, by which the store tells callers apart without knowing the keys."""
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    key = token.strip() or scheme
    return hashlib.sha256(key.encode("latin-1", "replace")).hexdigest()[:32] if key else ""


class Access:
    """Without keys everybody may; with keys, whoever sends one as a Bearer token."""

    def __init__(self, keys: Sequence[Secret]) -> None:
        self._keys = [key.reveal().encode() for key in keys]

    def check(self, headers: Mapping[str, str]) -> None:
        """Raises InvalidRequest (401)."""
        if not self._keys:
            return
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = token.strip().encode("latin-1", "replace") if scheme.lower() == "bearer" else b""
        # Every key is compared, so that the time taken tells nothing of which one matched.
        matches = [hmac.compare_digest(given, key) for key in self._keys]
        if not any(matches):
            message = "Incorrect API key provided." if given else "No API key provided: send one as a Bearer token."
            raise InvalidRequest(message, status=401, code="invalid_api_key")
