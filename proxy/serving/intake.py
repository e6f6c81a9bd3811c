"""`Intake`: how much has come of a request, and which limit that goes over.

A head is counted as it is parsed, and as raw bytes, too: what the parser keeps for itself (a header that does not end,
empty lines before a request, the trailers behind a chunked body) would be unbounded otherwise. A body is bounded by who
reads it; here it only has to come at a pace.
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.serving.connections import ConnectionLimits
from proxy.serving.refusal import timed_out, too_large
from translators.errors import BridgeError

# As Apache's mod_reqtimeout asks for: what is slower is no client with a bad line, but one that wants to hold us up.
LEAST_BYTES_PER_SECOND = 500

LONGEST_OF_HANDSHAKE = 8192
"""Bytes of a header: `websockets.http11.MAX_LINE_LENGTH`, beyond which that library never answers."""

Headers = Sequence[tuple[bytes, bytes]]


class Intake:
    """`unproductive` are the bytes since the last that was part of a body; `body` those of bodies since the pace was
    last looked at; `latest` those that came last, and may be being parsed."""

    __slots__ = ("_before", "_limits", "body", "latest", "unproductive")

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self.unproductive = 0
        self.body = 0
        self.latest = 0
        self._before = 0  # those of bodies, when they came

    def __repr__(self) -> str:
        return f"Intake({self.unproductive} unproductive, {self.body} of a body)"

    def begin(self, size: int) -> None:
        """So many bytes have come and are parsed now."""
        self.latest = size
        self._before = self.body

    def end(self, *, between: bool) -> None:
        """They have been parsed; `between` where nothing of a request is open behind them."""
        if between or self.body != self._before:
            self.unproductive = 0
        else:
            self.unproductive += self.latest

    def passed(self, headers: Headers | None, url: bytes) -> BridgeError | None:
        """The refusal of a head, or of what comes behind a body, that is larger than it may be."""
        limits = self._limits
        if headers is not None and len(headers) > limits.head_fields:
            return too_large(f"The request has more than {limits.head_fields} headers (server.max_head_fields).")
        if self.unproductive > limits.head_bytes or self._head_bytes(headers, url) > limits.head_bytes:
            return too_large(
                f"The head of the request is larger than {limits.head_bytes} bytes (server.max_head_bytes)."
            )
        return None

    def _head_bytes(self, headers: Headers | None, url: bytes) -> int:
        if headers is None or self.unproductive + self.latest <= self._limits.head_bytes:
            return 0  # it cannot be more
        return len(url) + sum(map(field_bytes, headers))

    def keeps_pace(self) -> bool:
        """Whether enough of a body has come since this was last asked, a `body_timeout` ago."""
        came, self.body = self.body, 0
        return came >= LEAST_BYTES_PER_SECOND * self._limits.body_seconds

    def late_head(self) -> BridgeError:
        seconds = f"{self._limits.head_seconds:g} seconds"
        return timed_out(f"The head of the request was not complete after {seconds}", "head_timeout")

    def late_body(self) -> BridgeError:
        least = f"{LEAST_BYTES_PER_SECOND} bytes a second in {self._limits.body_seconds:g} seconds"
        return timed_out(f"Less of the request body came in than {least}", "body_timeout")


def field_bytes(field: tuple[bytes, bytes]) -> int:
    """The length of a header's line."""
    name, value = field
    return len(name) + len(value) + 4


def long_handshake(headers: Headers) -> BridgeError | None:
    """The refusal of a WebSocket's handshake with a header that its library would never answer."""
    if any(field_bytes(field) > LONGEST_OF_HANDSHAKE for field in headers):
        return too_large(f"A header of a WebSocket's handshake has more than {LONGEST_OF_HANDSHAKE} bytes.")
    return None
