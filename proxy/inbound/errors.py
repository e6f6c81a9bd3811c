"""Errors as HTTP answers: OpenAI's envelope with all four keys, and nothing of our insides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.exceptions import HTTPException
from starlette.responses import Response

from proxy.inbound.headers import RawHeaders, answer_headers
from translators.errors import BridgeError, InvalidRequest, UpstreamError
from translators.report import Adaptation


def error_response(
    error: BridgeError, adaptations: Sequence[Adaptation] = (), codes: Mapping[str, str] = {}
) -> Response:
    """An answer of the error's status; `codes` are other names for codes, by our own."""
    response = Response(error.envelope(codes), status_code=error.status, media_type="application/json")
    headers: RawHeaders = answer_headers(error.headers if isinstance(error, UpstreamError) else {}, adaptations)
    if error.retry_after is not None:
        headers = [header for header in headers if header[0] != b"retry-after"]
        headers.append((b"retry-after", error.retry_after.encode("latin-1", "replace")))
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    response.raw_headers += headers
    return response


def no_such_route(refusal: HTTPException, method: str, path: str) -> InvalidRequest:
    """Starlette's own refusals: no such route, or not with this method."""
    shown = path if len(path) <= _MAX_SHOWN else f"{path[:_MAX_SHOWN]}…"
    messages = {
        404: f"Unknown request URL: {method} {shown}.{_hint(path)}",
        405: f"Method {method} is not allowed for {shown}.",
    }
    message = messages.get(refusal.status_code, refusal.detail)
    return InvalidRequest(message, status=refusal.status_code, code="unknown_url")


def _hint(path: str) -> str:
    """What to do instead, for the addresses that clients of OpenAI's other APIs ask."""
    name = path.rstrip("/").removeprefix("/v1")
    return _ELSEWHERE.get(name, "") if name else _AT_THE_BASE


MISTAKE = BridgeError("The proxy failed to handle the request.", code="server_error")
"""One of ours; the server logs its traceback and the client learns nothing of it."""

_MAX_SHOWN = 200
_AT_THE_BASE = " The API is served at /v1/responses: a client's base URL ends in /v1."
_CHAT = (
    " Dragoman serves the Responses API: send Responses requests to /v1/responses, or point a client that speaks Chat"
    " Completions at the backend itself."
)
_NOT_TRANSLATED = " Dragoman translates the Responses API only: ask the backend itself for this."
_ELSEWHERE = {
    "/chat/completions": _CHAT,
    "/completions": _CHAT,
    "/embeddings": _NOT_TRANSLATED,
    "/moderations": _NOT_TRANSLATED,
    "/images/generations": _NOT_TRANSLATED,
    "/images/edits": _NOT_TRANSLATED,
    "/audio/speech": _NOT_TRANSLATED,
    "/audio/transcriptions": _NOT_TRANSLATED,
}
