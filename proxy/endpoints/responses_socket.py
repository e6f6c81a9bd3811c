"""The WebSocket at `/v1/responses`: each `response.create` is answered by the events of one exchange, one at a time.

The last response of a connection can be continued whether it was stored or not; a continuation that fails ends
that. An error leaves the socket usable.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from proxy.continuation import Remembered
from proxy.exchange import Exchange, Services
from proxy.inbound.visit import Visit, visit_of
from proxy.log import tell
from proxy.sse_response import EventStream
from translators.decode import check_depth, decode_as, on_one_line
from translators.errors import BridgeError, ErrorBody, InvalidRequest
from translators.schema.events import AnyEvent, one_by_one

_log = logging.getLogger(__name__)

MAX_WAITING = 16
# What a response over a socket has no use for: it is always streamed, and ends with its connection.
_LEFT_OUT = ("type", "generate", "stream_id", "event_id", "stream", "stream_options")


class _ClientEvent(Struct):
    type: str
    generate: bool | None = None
    stream_id: str | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    input: Raw = Raw(b"null")


class ErrorEvent(Struct, tag_field="type", tag="error"):
    status: int
    error: ErrorBody


class _Steer(Struct):
    previous_response_id: str | None
    input: Raw


class SteerFailed(Struct, tag_field="type", tag="response.steer.failed"):
    error: ErrorBody
    steer: _Steer


class ResponsesSocket:
    """`limit_seconds` is how long a connection may last."""

    def __init__(self, services: Services, *, keep_alive_seconds: float, limit_seconds: float) -> None:
        self._services = services
        self._keep_alive_seconds = keep_alive_seconds
        self._limit_seconds = limit_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        session = _Session(self._services, socket, visit_of(scope), self._keep_alive_seconds)
        work = asyncio.get_running_loop().create_task(session.work(self._limit_seconds))
        reading = asyncio.get_running_loop().create_task(session.read())
        try:
            await asyncio.wait([work, reading], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, reading):
                task.cancel()
            outcomes = await asyncio.gather(work, reading, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect):
                raise outcome


class _Session:
    """One connection."""

    def __init__(self, services: Services, socket: WebSocket, visit: Visit, keep_alive_seconds: float) -> None:
        self._services = services
        self._visit = visit
        self._socket = socket
        self._keep_alive_seconds = keep_alive_seconds
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue()
        self._remembered: Remembered | None = None

    async def read(self) -> None:
        """Takes what the client sends, even while a response is made; ends when it goes away."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            data = message.get("bytes") or b"" if text is None else text.encode("utf-8", "replace")
            if self._waiting.qsize() >= MAX_WAITING:
                error = InvalidRequest("Too many messages wait for an answer.", status=429, code="rate_limit_exceeded")
                await self._send_error(error, None)
            else:
                self._waiting.put_nowait(data)

    async def work(self, limit_seconds: float) -> None:
        """Answers one message after the other, until the connection is too old."""
        loop = asyncio.get_running_loop()
        end = loop.time() + limit_seconds
        while True:
            try:
                data = await asyncio.wait_for(self._waiting.get(), max(0.0, end - loop.time()))
            except TimeoutError:
                break
            await self._answer(data)
        message = "This connection has reached its time limit; open a new one."
        await self._send_error(InvalidRequest(message, code="websocket_connection_limit_reached"), None)
        await self._socket.close(1000)

    async def _answer(self, data: bytes) -> None:
        stream_id = None
        data = on_one_line(data)
        try:
            check_depth(data, self._services.max_depth)
            event = decode_as(_ClientEvent, data)
            stream_id = event.stream_id
            if event.type == "response.steer":
                await self._refuse_steering(event)
            elif event.type == "response.create":
                await self._create(event, data)
            else:
                raise InvalidRequest(f"Unknown event type '{event.type}'.", param="type", code="invalid_value")
        except BridgeError as error:
            await self._send_error(error, stream_id)

    async def _refuse_steering(self, event: _ClientEvent) -> None:
        message = "Responses cannot be steered here: send a new response.create."
        body = ErrorBody(message, "invalid_request_error", None, "steering_not_supported")
        await self._send(SteerFailed(body, _Steer(event.previous_response_id, event.input)), event.stream_id)

    async def _create(self, event: _ClientEvent, data: bytes) -> None:
        """Raises BridgeError; whatever a failed turn went on from is forgotten."""
        if event.background:
            raise InvalidRequest(
                "'background' has no meaning over a WebSocket.", param="background", code="unsupported_parameter"
            )
        fields = decode_as(dict[str, Raw], data)
        body = {name: value for name, value in fields.items() if name not in _LEFT_OUT} | {"stream": Raw(b"true")}
        before, self._remembered = self._remembered, None
        if before is not None and event.previous_response_id != before.response_id:
            self._remembered = before  # an error elsewhere does not touch it
        exchange = await Exchange.begin(
            self._services,
            msgspec.json.encode(body),
            self._visit.headers,
            self._visit.caller,
            remembered=before,
            generate=event.generate is not False,
        )
        try:
            await _SocketStream(self, exchange, event.stream_id, self._keep_alive_seconds).run()
        finally:
            await asyncio.shield(exchange.close())
        if exchange.error is None:
            self._remembered = exchange.recorder.remember(exchange.response)
        tell(_log, "answered", lambda: {"response": exchange.response.id, "status": exchange.response.status})

    async def _send_error(self, error: BridgeError, stream_id: str | None) -> None:
        await self._send(ErrorEvent(error.status, error.body()), stream_id)

    async def _send(self, event: Struct, stream_id: str | None) -> None:
        await self.send_json(msgspec.json.encode(event), stream_id)

    async def send_json(self, json: bytes, stream_id: str | None) -> None:
        if stream_id is not None:
            json = json[:-1] + b',"stream_id":' + msgspec.json.encode(stream_id) + b"}"
        with contextlib.suppress(WebSocketDisconnect):  # the reader has noticed it, too
            await self._socket.send_text(json.decode())


class _SocketStream(EventStream):
    """One message for one event; nothing before the first and nothing behind the last."""

    def __init__(self, session: _Session, exchange: Exchange, stream_id: str | None, interval: float) -> None:
        super().__init__(exchange, session._socket.send, interval)
        self._session = session
        self._stream_id = stream_id

    def _sink(self) -> None:
        return None  # frames are for event streams

    async def send_head(self) -> None:
        pass

    async def send_events(self, events: Sequence[AnyEvent]) -> None:
        for event in one_by_one(events):
            await self._session.send_json(msgspec.json.encode(event), self._stream_id)

    async def send_last(self, events: Sequence[AnyEvent]) -> None:
        await self.send_events(events)
