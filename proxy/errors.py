"""Errors as HTTP answers: OpenAI's envelope with all four keys, and nothing of our insides."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from proxy.headers import RawHeaders, answer_headers
from translators.errors import BridgeError, InvalidRequest, UpstreamError
from translators.report import Adaptation


def error_response(error: BridgeError, adaptations: Sequence[Adaptation] = ()) -> Response:
    response = Response(error.envelope(), status_code=error.status, media_type="application/json")
    headers: RawHeaders = answer_headers(error.headers if isinstance(error, UpstreamError) else {}, adaptations)
    if error.retry_after is not None:
        headers = [header for header in headers if header[0] != b"retry-after"]
        headers.append((b"retry-after", error.retry_after.encode("latin-1", "replace")))
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    response.raw_headers += headers
    return response


async def bridge_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, BridgeError)
    return error_response(error)


async def http_error(request: Request, error: Exception) -> Response:
    """Starlette's own refusals: no such route, or not with this method."""
    assert isinstance(error, HTTPException)
    messages = {
        404: f"Unknown request URL: {request.method} {request.url.path}.",
        405: f"Method {request.method} is not allowed for {request.url.path}.",
    }
    message = messages.get(error.status_code, error.detail)
    response = error_response(InvalidRequest(message, status=error.status_code, code="unknown_url"))
    response.headers.update(error.headers or {})
    return response


async def unexpected_error(request: Request, error: Exception) -> Response:
    """A mistake of ours; the server logs its traceback and the client learns nothing of it."""
    return error_response(BridgeError("The proxy failed to handle the request.", code="server_error"))
