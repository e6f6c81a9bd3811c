"""`ErrorTeller`: what a client hears of an upstream's errors; `transport_error`: of an upstream that did not answer.

No secret is in it. The refusal of the operator's key is no fault of a client's, and must not look like one: a client
whose own key is right would take 401 for the opposite.
"""

from __future__ import annotations

import logging
import re

from msgspec import Struct

from proxy.config import UpstreamSettings
from proxy.transports import ConnectFailed, TimedOut, TransportError
from proxy.upstream.redaction import Redactor
from translators.errors import BridgeError, UpstreamError, redacted
from translators.recovery.upstream_codes import is_policy

_log = logging.getLogger(__name__)

KEY_REFUSED = "upstream_key_refused"
# What is refused with 403 for its subject, whoever asks: OpenRouter's moderation, for one.
_ABOUT_THE_CONTENT = re.compile(r"moderat|flagged|content.?(?:policy|filter)|safety|violat", re.IGNORECASE)


class ErrorTeller(Struct, frozen=True):
    """Of one upstream, for one request; `guarded` is whether the callers of this proxy have keys of its own."""

    upstream_name: str
    upstream: UpstreamSettings
    redactor: Redactor
    guarded: bool

    def __call__(self, error: BridgeError) -> BridgeError:
        if not isinstance(error, UpstreamError):
            return error
        return self.tell(error)

    def tell(self, error: UpstreamError) -> UpstreamError:
        told = redacted(error, self.redactor)
        if not self._is_about_our_key(told):
            return told
        _log.error(
            "upstream refused the configured key",
            extra={"upstream": self.upstream_name, "status": told.status, "reason": told.message},
        )
        refused = UpstreamError(self._what_to_do(told.status), status=502, code=KEY_REFUSED)
        refused.headers = told.headers
        return refused

    def _is_about_our_key(self, error: UpstreamError) -> bool:
        if self.upstream.pass_client_key or not (self._has_key or self.guarded):
            return False
        if error.status == 403:
            return not (is_policy((error.code or "").lower()) or _ABOUT_THE_CONTENT.search(error.message))
        return error.status == 401

    @property
    def _has_key(self) -> bool:
        return self.upstream.api_key is not None or bool(self.upstream.headers)

    def _what_to_do(self, status: int) -> str:
        name = self.upstream_name
        if not self._has_key:
            return (
                f"The upstream '{name}' asks for a key, and this proxy has none for it. "
                f"Whoever runs the proxy has to set `upstreams.{name}.api_key`."
            )
        verb = "forbids this to" if status == 403 else "does not accept"
        where = "api_key" if self.upstream.api_key is not None else "headers"
        return (
            f"The upstream '{name}' {verb} the key that this proxy is configured with (it answered {status}). "
            f"Whoever runs the proxy has to set a valid one in `upstreams.{name}.{where}`."
        )


def transport_error(error: TransportError, name: str, address: str) -> UpstreamError:
    """What a client hears of it; `name` is the upstream's, `address` where it is."""
    who = f"The upstream '{name}' at {address}"
    if isinstance(error, TimedOut):
        return UpstreamError(f"{who} did not answer in time: {error}.", status=504, code="upstream_timeout")
    if isinstance(error, ConnectFailed):
        message = f"{who} could not be reached: {error.reason}."
    else:
        message = f"{who} was reached, but its answer failed: {error}."
    return UpstreamError(message, status=502, code="upstream_unreachable")
