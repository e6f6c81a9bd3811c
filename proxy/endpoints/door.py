"""`Door`: where every request and every WebSocket comes in, and is seen out.

Behind it an endpoint knows who asks (`visit_of(scope)`), may raise BridgeError for an error to be answered as long as
nothing has been sent, and ClientGone. Before it: an identifier for the request, the form of the body, web pages, keys.
What is refused here is logged and counted as what is answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping
from typing import Literal

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proxy.callers import Caller
from proxy.config import Config
from proxy.inbound.access import Access
from proxy.inbound.body import ClientGone
from proxy.inbound.browsers import Browsers
from proxy.inbound.errors import MISTAKE, error_response, no_such_route
from proxy.inbound.headers import RawHeaders, request_headers
from proxy.inbound.visit import REQUEST_ID, VISIT, WEBSOCKET, Visit
from proxy.net.body_writer import server_refusal
from proxy.process.drain import Drain, Phase, ShuttingDown
from proxy.telemetry.observer import CLIENT_GONE, OTHER_ROUTE, Ending, Observer, Outcome
from translators.errors import BridgeError, InvalidRequest

_CREATE = "/v1/responses"
_CREATE_PATHS = frozenset({_CREATE, "/responses"})
_PUBLIC = frozenset({"/healthz", "/readyz"})
"""What load balancers ask for, under any name and without a key; it tells nothing that anybody could use."""
_STRANGER = Caller("", "")
_UNFINISHED = 0
_JSON = "application/json"
_REQUEST_ID = REQUEST_ID.encode()


class Door:
    """`create` answers `POST /v1/responses`, which nearly all requests are; `others` all that has another route."""

    def __init__(self, config: Config, observer: Observer, drain: Drain, *, create: ASGIApp, others: ASGIApp) -> None:
        self._access = Access(config)
        self._browsers = Browsers(config.server, asks_for_keys=self._access.asks_for_keys)
        self._observer = observer
        self._codes = config.errors.codes
        self._drain = drain
        self._create = create
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind: Literal["http", "websocket"] = scope["type"]
        visit = scope[VISIT] = Visit(scope, request_headers(scope), _STRANGER)
        answer = _ANSWERS[kind](send, self._answer_headers(visit))
        self._observer.began("request")
        error: BridgeError | None = None
        outcome: Outcome = "mistake"  # until something else is known
        try:
            admitted, places = self._admitted(visit, scope), visit.caller.places
            if places is None or not _lasts(visit, scope):
                await admitted(scope, receive, answer)
            else:
                with places:
                    await admitted(scope, receive, answer)
            outcome = "answered" if visit.exchange is None or visit.exchange.error is None else "failed"
        except ClientGone:
            error = server_refusal(scope)
            outcome = "client gone" if error is None else "refused"
        except BridgeError as refusal:
            error, outcome = refusal, "refused"
            await answer.refuse(self._refusal(visit, refusal), scope, receive)
        except HTTPException as refusal:
            error, outcome = no_such_route(refusal, visit.method, visit.path), "refused"
            await answer.refuse(self._refusal(visit, error, refusal.headers), scope, receive)
        except asyncio.CancelledError:
            outcome = "stopped"
            if self._drain.phase is not Phase.ENDING:
                raise
            error = ShuttingDown()  # by the server itself, whose log need not hear of it
            await answer.refuse(self._refusal(visit, error), scope, receive)
        except Exception:
            await answer.refuse(self._refusal(visit, MISTAKE), scope, receive)
            raise  # for the server's log
        finally:
            if not answer.status:
                answer.status = _without_answer(outcome) if error is None else error.status
            self._observer.ended(_ending(visit, scope, answer.status, outcome, error))
            visit.exchange = error = None  # the connection holds the scope of its last request, an error this frame

    def _answer_headers(self, visit: Visit) -> RawHeaders:
        headers = [(_REQUEST_ID, visit.id.encode())]
        origin = visit.headers.get("origin")
        return headers if origin is None else headers + self._browsers.answer_headers(origin)

    def _refusal(self, visit: Visit, error: BridgeError, headers: Mapping[str, str] | None = None) -> Response:
        adaptations = () if visit.exchange is None else visit.exchange.adaptations
        response = error_response(error, adaptations, self._codes)
        response.headers.update(headers or {})
        return response

    def _admitted(self, visit: Visit, scope: Scope) -> ASGIApp:
        """What answers. Raises BridgeError and HTTPException for what nothing does."""
        path, headers = visit.path, visit.headers
        if len(path) > 1 and path[-1] == "/":
            path = scope["path"] = path.rstrip("/") or "/"
        if visit.method == WEBSOCKET and path not in _CREATE_PATHS:
            raise HTTPException(404)  # the router would close it without a word
        if path in _PUBLIC:
            return self._others
        if visit.method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers:
            preflight = Response(status_code=204)
            preflight.raw_headers += self._browsers.preflight_headers(headers)
            return preflight
        visit.caller = self._access.identify(headers)
        self._browsers.check(headers)
        if visit.method == "POST":
            _check_content_type(headers)
            if path in _CREATE_PATHS:
                return self._create
        return self._others


def _lasts(visit: Visit, scope: Scope) -> bool:
    """Whether a request may take as long as a model or a client does; who is at a limit can still look and cancel."""
    if visit.method == "POST":
        return not visit.path.rstrip("/").endswith("/cancel")
    return visit.method == WEBSOCKET or (visit.method == "GET" and b"stream=" in scope["query_string"])


class _Answer:
    """`send`, and the status of what was sent. No coroutine of its own: there is a message for every delta."""

    status = _UNFINISHED

    def __init__(self, send: Send, headers: RawHeaders) -> None:
        self._send = send
        self._headers = headers

    def __call__(self, message: Message) -> Awaitable[None]:
        if not self.status:
            self.status = message["status"]
            message["headers"] = [*message["headers"], *self._headers]
        return self._send(message)

    async def refuse(self, response: Response, scope: Scope, receive: Receive) -> None:
        """Does nothing where an answer has begun: the server then cuts it off, which is all that can still be said."""
        if not self.status:
            await response(scope, receive, self)


class _Handshake:
    """The same for a WebSocket, whose handshake is what has a status."""

    status = _UNFINISHED

    def __init__(self, send: Send, headers: RawHeaders) -> None:
        self._send = send
        self._headers = headers

    def __call__(self, message: Message) -> Awaitable[None]:
        if not self.status:
            # A server that cannot deny a handshake with an answer of its own is told to close instead, which is a 403.
            accepted = message["type"] == "websocket.accept"
            self.status = 101 if accepted else message.get("status", 403)
            message["headers"] = [*message.get("headers", ()), *self._headers]
        return self._send(message)

    async def refuse(self, response: Response, scope: Scope, receive: Receive) -> None:
        if self.status:
            return
        if "websocket.http.response" not in scope.get("extensions", {}):
            await self({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        await self(
            {
                "type": "websocket.http.response.start",
                "status": response.status_code,
                "headers": response.raw_headers,
            }
        )
        await self({"type": "websocket.http.response.body", "body": response.body, "more_body": False})


_ANSWERS: Mapping[str, type[_Answer] | type[_Handshake]] = {"http": _Answer, "websocket": _Handshake}


def _without_answer(outcome: Outcome) -> int:
    """What stands for the status where nothing was sent."""
    return {"client gone": CLIENT_GONE, "stopped": 503}.get(outcome, 500)


def _check_content_type(headers: Mapping[str, str]) -> None:
    """Raises InvalidRequest (415) for a body that is not said to be JSON, which pages may send without asking."""
    given = headers.get("content-type")
    if given == _JSON or (headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers):
        return
    kind = "" if given is None else given.partition(";")[0].strip().lower()
    if kind == _JSON or (kind.startswith("application/") and kind.endswith("+json")):
        return
    said = "is not said to be anything" if given is None else f"is said to be '{kind[:100]}'"
    raise InvalidRequest(
        f"The request body {said}: send JSON, with the header 'Content-Type: application/json' "
        "(for curl: -H 'Content-Type: application/json').",
        status=415,
        code="unsupported_media_type",
    )


def _ending(visit: Visit, scope: Scope, status: int, outcome: Outcome, error: BridgeError | None) -> Ending:
    exchange = visit.exchange
    return Ending(
        kind="request",
        request_id=visit.id,
        who=visit.caller.name,
        method=visit.method,
        route=_route(scope),
        path=visit.path,
        status=status,
        outcome=outcome,
        seconds=time.perf_counter() - visit.started,
        error=error if error is not None or exchange is None else exchange.error,
        exchange=exchange,
    )


def _route(scope: Scope) -> str:
    """The template of the path, without the prefix that may be left out."""
    route = scope.get("route")
    if route is not None:
        template: str = route.path
        return template if template.startswith("/v1/") or template in _OWN else f"/v1{template}"
    return _CREATE if scope["path"] in _CREATE_PATHS else OTHER_ROUTE


_OWN = frozenset({*_PUBLIC, "/metrics"})
