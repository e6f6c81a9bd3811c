"""Refusals that the server itself sends, in the place of the application: their words, their bytes, who hears of them.

They come before there is a request that anybody could answer, or while one has not come whole.
"""

from __future__ import annotations

from proxy.inbound.visit import REQUEST_ID, request_id
from proxy.telemetry.observer import OTHER_ROUTE, Ending, Observer
from translators.errors import BridgeError, InvalidRequest

_REASONS = {
    400: b"Bad Request",
    408: b"Request Timeout",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}


def malformed() -> InvalidRequest:
    """The refusal of what is no HTTP."""
    return InvalidRequest("This is no HTTP request.", code="malformed_request")


def timed_out(message: str, setting: str) -> InvalidRequest:
    """The refusal of what took longer than `server.<setting>` allows; `message` is a sentence without its full stop."""
    return InvalidRequest(f"{message} (server.{setting}).", status=408, code="request_timeout")


def too_large(message: str) -> InvalidRequest:
    """The refusal of a head that goes over a limit, which the message names."""
    return InvalidRequest(message, status=431, code="request_header_fields_too_large")


def full(connections: int) -> BridgeError:
    """The refusal of a connection for which there is no room."""
    message = f"The server has as many connections as it may: {connections} (server.max_connections)."
    return BridgeError(message, status=503, code="too_many_connections", retry_after="5")


def refusal_bytes(error: BridgeError) -> bytes:
    """A whole answer of HTTP/1.1, the last of its connection, with an identifier of its own."""
    body = error.envelope()
    retry = b"" if error.retry_after is None else b"retry-after: %b\r\n" % error.retry_after.encode()
    name, made = REQUEST_ID.encode(), request_id({}).encode()
    return (
        b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b: %b\r\n%b"
        b"connection: close\r\n\r\n%b" % (error.status, _REASONS[error.status], len(body), name, made, retry, body)
    )


def tell(observer: Observer, error: BridgeError) -> None:
    """Tells of a refusal as of a request of which nothing is known."""
    observer.began("request")
    observer.ended(
        Ending(
            kind="request",
            request_id="-",
            who="",
            method="-",
            route=OTHER_ROUTE,
            path="-",
            status=error.status,
            outcome="refused",
            seconds=0.0,
            error=error,
        )
    )
