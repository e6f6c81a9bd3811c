"""The WebSocket at `/v1/responses`: each `response.create` is answered by the events of one exchange, one at a time.

The last response of a connection can be continued whether it was stored or not; a continuation that fails ends
that. An error leaves the socket usable.

When the process closes, a turn under way goes on to its end; those that wait are refused, and the connection is closed
with 1012 (service restart).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from proxy.endpoints.event_stream import EventStream
from proxy.exchange.beginning import begin_exchange
from proxy.exchange.exchange import Exchange
from proxy.exchange.services import Services
from proxy.inbound.visit import REQUEST_ID, Visit, visit_of
from proxy.inbound.waiting import Share, WaitingBytes
from proxy.process.aside import aside
from proxy.process.drain import ShuttingDown
from proxy.state.history import ConnectionMemory
from proxy.telemetry.observer import Outcome, ending_of_response
from translators.asking.parse import mend
from translators.decode import check_depth, decode_as
from translators.errors import BridgeError, ErrorBody, InvalidRequest
from translators.long_text import LongJson, encode_json, encode_short
from translators.schema.events import AnyEvent, one_by_one
from translators.steps import step

LOST = "dragoman.lost"
"""The extension of the scope in which `WebSocketProtocol` tells of the connection's end."""
MAX_WAITING = 16
MAX_ID = 100  # of an identifier, so that the turns' own are not too long for others
MAX_SHOWN = 100
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
    """`limit_seconds` is how long a connection may last, `most` how many there may be at once."""

    def __init__(
        self,
        services: Services,
        *,
        keep_alive_seconds: float,
        limit_seconds: float,
        most: int,
        max_waiting_bytes: int,
        waiting: WaitingBytes,
    ) -> None:
        self._services = services
        self._keep_alive_seconds = keep_alive_seconds
        self._limit_seconds = limit_seconds
        self._most = most
        self._max_waiting_bytes = max_waiting_bytes
        self._together = waiting
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises BridgeError (503) where there are too many connections."""
        if self._open >= self._most:
            message = f"This process has as many WebSockets as it may: {self._most} (server.max_websockets)."
            raise BridgeError(message, status=503, code="too_many_connections", retry_after="5")
        self._open += 1
        try:
            socket = WebSocket(scope, receive, send)
            await socket.accept()
            with Share(self._together) as share:
                waiting = _Waiting(self._max_waiting_bytes, share)
                await self._serve(_Session(self._services, socket, visit_of(scope), waiting, self._keep_alive_seconds))
        except WebSocketDisconnect:
            pass  # between the handshake and its answer
        finally:
            self._open -= 1

    async def _serve(self, session: _Session) -> None:
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


def _lost_event(scope: Scope) -> asyncio.Event:
    """Returns an event that is set when the connection has ended, even while nothing is read from it; never set under
    another server."""
    event: asyncio.Event | None = scope.get("extensions", {}).get(LOST)
    return event or asyncio.Event()


class _Waiting:
    """Messages that wait for their turns. Where there are more bytes than `limit`, nothing more should be read, and as
    little where all that wait in the process are too many and these are more than their `share`."""

    def __init__(self, limit: int, share: Share) -> None:
        self._limit = limit
        self._share = share
        self._bytes = 0
        self._messages: asyncio.Queue[bytes | None] = asyncio.Queue()  # None: there are no more
        self.moved = asyncio.Event()

    @property
    def too_many(self) -> bool:
        return self._messages.qsize() >= MAX_WAITING

    @property
    def full(self) -> bool:
        return self._bytes > self._limit or self._share.is_over

    def put(self, message: bytes) -> None:
        self._bytes += len(message)
        self._share.add(len(message))
        self._messages.put_nowait(message)

    def close(self) -> None:
        """Ends the waiting: whatever comes from now on is not taken."""
        self._messages.put_nowait(None)

    async def get(self) -> bytes | None:
        """Takes the message that waits longest, or None when it is closed and all that waited has been taken."""
        message = await self._messages.get()
        if message is not None:
            self._bytes -= len(message)
            self._share.add(-len(message))
            self.moved.set()
        return message


class _Session:
    """One WebSocket connection, from its handshake to its end."""

    def __init__(
        self, services: Services, socket: WebSocket, visit: Visit, waiting: _Waiting, keep_alive_seconds: float
    ) -> None:
        self._services = services
        self._visit = visit
        self._socket = socket
        self._keep_alive_seconds = keep_alive_seconds
        self._waiting = waiting
        self._remembered: ConnectionMemory | None = None
        self._turns = 0
        self._gone = False
        self._lost = _lost_event(socket.scope)

    async def read(self) -> None:
        """Takes what the client sends, even while a response is made; ends when it goes away.

        Where enough waits, it does not read on, and so the client cannot send on.
        """
        while not self._gone:
            if self._waiting.full:
                await self._wait_for_room()
                continue
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                self._gone = True
                return
            text = message.get("text")
            data = message.get("bytes") or b"" if text is None else text.encode("utf-8", "replace")
            if self._waiting.too_many:
                error = InvalidRequest("Too many messages wait for an answer.", status=429, code="rate_limit_exceeded")
                await self._send_error(error, None)
            else:
                self._waiting.put(data)

    async def _wait_for_room(self) -> None:
        """Waits until a message has been taken, or the connection has ended, which would be read behind those that
        wait."""
        self._waiting.moved.clear()
        loop = asyncio.get_running_loop()
        waits = [loop.create_task(event.wait()) for event in (self._waiting.moved, self._lost)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._gone = self._gone or self._lost.is_set()

    async def work(self, limit_seconds: float) -> None:
        """Answers one message after the other, until the connection is too old or the process closes."""
        loop = asyncio.get_running_loop()
        end = loop.time() + limit_seconds
        with self._services.drain.visited(self._waiting.close):
            while True:
                try:
                    # `wait_for` may forget, on Python 3.11, that it was cancelled, if a message came in the same turn.
                    async with asyncio.timeout_at(end):
                        data = await self._waiting.get()
                except TimeoutError:
                    break
                if data is None:
                    await self._socket.close(1012, "the server is shutting down")
                    return
                await self._take_turn(data)
        message = "This connection has reached its time limit; open a new one."
        await self._send_error(InvalidRequest(message, code="websocket_connection_limit_reached"), None)
        if not self._gone:
            await self._socket.close(1000)

    async def _take_turn(self, data: bytes) -> None:
        """Answers one message, and tells how that ended."""
        self._turns += 1
        turn = _Turn(f"{self._visit.id[:MAX_ID]}.{self._turns}", self._visit)
        observer, began = self._services.observer, time.perf_counter()
        observer.began("turn")
        try:
            await self._answer(data, turn)
        finally:
            broken_off: Outcome = "client gone" if self._gone else "stopped"
            observer.ended(
                ending_of_response(
                    "turn",
                    turn.exchange,
                    request_id=turn.id,
                    who=self._visit.caller.name,
                    seconds=time.perf_counter() - began,
                    refusal=turn.refusal,
                    broken_off=broken_off,
                )
            )
            turn.refusal = None  # its traceback holds the turn

    async def _answer(self, data: bytes, turn: _Turn) -> None:
        stream_id = None
        try:
            event, data, mended = await aside(len(data), _read_event, data, self._services.max_depth)
            stream_id = event.stream_id
            if event.type == "response.steer":
                await self._refuse_steering(event)
            elif event.type == "response.create":
                await self._create(event, data, turn, mended)
            else:
                shown = event.type if len(event.type) <= MAX_SHOWN else f"{event.type[:MAX_SHOWN]}…"
                raise InvalidRequest(f"Unknown event type '{shown}'.", param="type", code="invalid_value")
        except BridgeError as error:
            turn.refusal = error
            await self._send_error(error, stream_id)

    async def _refuse_steering(self, event: _ClientEvent) -> None:
        message = "Responses cannot be steered here: send a new response.create."
        body = ErrorBody(message, "invalid_request_error", None, "steering_not_supported")
        await self._send(SteerFailed(body, _Steer(event.previous_response_id, event.input)), event.stream_id)

    async def _create(self, event: _ClientEvent, data: bytes, turn: _Turn, mended: tuple[str, ...]) -> None:
        """Raises BridgeError; whatever a failed turn went on from is forgotten."""
        if self._services.drain.closing:
            raise ShuttingDown
        if event.background:
            raise InvalidRequest(
                "'background' has no meaning over a WebSocket.", param="background", code="unsupported_parameter"
            )
        body = await aside(len(data), _body_of, data)
        before, self._remembered = self._remembered, None
        if before is not None and event.previous_response_id != before.response_id:
            self._remembered = before  # an error elsewhere does not touch it
        exchange = await begin_exchange(
            self._services,
            body,
            turn.headers,
            self._visit.caller,
            remembered=before,
            generate=event.generate is not False,
            mended=mended,
        )
        turn.exchange = exchange
        try:
            await _SocketStream(self, exchange, event.stream_id, self._keep_alive_seconds).run()
        finally:
            await asyncio.shield(exchange.close())
        if exchange.error is None:
            self._remembered = await exchange.recorder.remember_aside(exchange.response)

    async def _send_error(self, error: BridgeError, stream_id: str | None) -> None:
        await self._send(ErrorEvent(error.status, error.body(self._services.error_codes)), stream_id)

    async def _send(self, event: Struct, stream_id: str | None) -> None:
        await self.send_json(msgspec.json.encode(event), stream_id)

    async def send_json(self, json: bytes, stream_id: str | None) -> None:
        if stream_id is not None:
            json = json[:-1] + b',"stream_id":' + msgspec.json.encode(stream_id) + b"}"
        if self._gone:
            return  # a message more is no reason to complain
        try:
            await self._socket.send_text(json.decode())
        except WebSocketDisconnect:
            self._gone = True
            self._waiting.moved.set()  # the reader notices it itself, unless it waits for room


def _read_event(data: bytes, max_depth: int) -> tuple[_ClientEvent, bytes, tuple[str, ...]]:
    """The event, and its JSON with what was mended of it. Raises InvalidRequest."""
    data, mended = mend(data)
    step()
    check_depth(data, max_depth)
    step()
    return decode_as(_ClientEvent, data), data, mended


def _body_of(data: bytes) -> bytes:
    """The request within a `response.create`. Raises InvalidRequest."""
    fields = decode_as(dict[str, Raw], data)
    step()
    return msgspec.json.encode(
        {name: value for name, value in fields.items() if name not in _LEFT_OUT} | {"stream": Raw(b"true")}
    )


class _Turn:
    """One message and what came of it; `headers` are those of the handshake, with an identifier of its own."""

    def __init__(self, id_: str, visit: Visit) -> None:
        self.id = id_
        self.headers = {**visit.headers, REQUEST_ID: id_}
        self.exchange: Exchange | None = None
        self.refusal: BridgeError | None = None


class _SocketStream(EventStream):
    """Sends events as messages, one each; nothing before the first and nothing behind the last."""

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
            try:
                json = encode_short(event)
            except LongJson:  # which is one message all the same
                json = await asyncio.to_thread(encode_json, event)
            await self._session.send_json(json, self._stream_id)

    async def send_last(self, events: Sequence[AnyEvent]) -> None:
        await self.send_events(events)
