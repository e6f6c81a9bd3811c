"""`HttpProtocol`: uvicorn's, but what is written in one turn of the event loop leaves together, and all has its limits.

ASGI leaves writing to the server, and uvicorn writes at once: the head of an answer by itself, and every chunk between
reading one connection and the next. It also has an extension of its own, `BodyWriter`.

uvicorn bounds neither the head of a request nor the time that one takes to arrive, loses the body of a request that
offers an upgrade, and drops a client that has nothing more to say before it is answered. What is used of its insides
is named in `tests/inbound/test_uvicorn.py`, which fails when it changes.
"""

from __future__ import annotations

import asyncio
import socket
from typing import cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from proxy.inbound.visit import REQUEST_ID, request_id
from proxy.net.body_writer import EXTENSION, BodyWriter
from proxy.net.write_coalescing import JoiningTransport, outbox_of
from proxy.process.drain import Drain, Phase
from proxy.serving.connections import ConnectionLimits, Connections
from proxy.telemetry.observer import OTHER_ROUTE, Ending, Observer
from translators.errors import BridgeError, InvalidRequest

# When the process closes: how often it is looked whether the head of a request has come, and how long apart. Together
# the longest round trip on earth, doubled.
_LOOKS, _LOOK_SECONDS = 6, 0.1

# As Apache's mod_reqtimeout asks for: what is slower is no client with a bad line, but one that wants to hold us up.
_LEAST_BYTES_PER_SECOND = 500
# How long what was sent before it knew of a refusal is read and forgotten: a connection that is closed with something
# unread is reset, and the client might lose the answer.
_LINGER_SECONDS = 2.0
_MOST_WAITING_REQUESTS = 16  # behind the one that is answered; no client of today sends a second before that
_PROBE_SECONDS = (0.05, 1.0)  # after its last word: when it is first looked whether a client still listens, and then
_ALWAYS_ANSWERED = frozenset({b"/healthz", b"/readyz"})  # a server that is full is not to be restarted for that
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LONGEST_OF_HANDSHAKE = 8192  # websockets.http11.MAX_LINE_LENGTH: beyond it, that library never answers
_UPGRADE_FIELDS = frozenset({b"upgrade", b"http2-settings"})


class _Refused(Exception):
    """Raised within a callback of the parser, which stops it."""


class HttpProtocol(HttpToolsProtocol):
    """`connections` are those of the process, with their limits; `drain` tells of its end, where answers that begin are
    the last of their connection."""

    _refusal: BridgeError | None = None
    _whole = True  # nothing is missing of the last request whose head was read
    _offered_upgrade = False
    _unproductive = 0  # bytes since the last that was part of a body
    _body_bytes = 0
    _chunk = 0
    _deadline: float | None = None
    _probe: asyncio.TimerHandle | None = None

    def __init__(
        self,
        *arguments: object,
        connections: Connections | None = None,
        drain: Drain | None = None,
        **options: object,
    ) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self._drain = drain or Drain()
        self._connections = connections or Connections(ConnectionLimits())
        self._limits = self._connections.limits

    # --- the connection --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        self._outbox = outbox_of(self.loop)
        self._joining = JoiningTransport(transport, self._outbox)
        super().connection_made(cast("asyncio.Transport", self._joining))
        self._body_writer = BodyWriter(self._joining, self.flow, self._outbox)
        self._deadline = self.loop.time() + self._limits.head_seconds
        self._connections.enter(self, self.loop)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.leave(self)
        if self._probe is not None:
            self._probe.cancel()
        super().connection_lost(exc)
        # uvicorn leaves this timer where the connection was reset, and with it all that the last request has made.
        self._unset_keepalive_if_required()

    def eof_received(self) -> bool | None:  # type: ignore[override]  # as asyncio has it
        """A client that has said all may still listen: it is answered, if it has not seen any of the answer yet.

        Whether it does cannot be known from its silence. So it is told to go on, twice if need be, as any client of
        HTTP/1.1 has to take (RFC 9110, section 15.2); if it has gone, its system says so.
        """
        cycle = self.cycle
        if self._refusal is not None or cycle is None or not self._whole or self._reads_head():
            return None
        if cycle.response_started or cycle.scope["http_version"] != "1.1":
            return None
        cycle.keep_alive = False
        self._joining.write(_CONTINUE)
        self._probe = self.loop.call_later(_PROBE_SECONDS[0], self._look_for_client)
        return True

    def _look_for_client(self) -> None:
        self._probe = None
        if self.transport.is_closing():
            return
        raw: socket.socket = self.transport.get_extra_info("socket")
        if raw.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.transport.abort()
        else:
            self._probe = self.loop.call_later(_PROBE_SECONDS[1], self._look_for_client)

    # --- limits ----------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        between_requests = self._whole and self.cycle is not None and not self._reads_head()
        if between_requests and self._refusal is None:
            return  # which has a timer of its own
        if self._deadline is None:
            self._deadline = now + (self._limits.head_seconds if self._whole else self._limits.body_seconds)
        elif now >= self._deadline:
            self._time_is_up(now)

    def give_way(self) -> bool:
        if self._is_answered():
            return False
        if self._whole or self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:
            why = "The server has as many connections as it may, and this one waited longest for the rest of a body"
            self._refuse(_timeout(why, "max_connections"))
        return True

    def turn_away(self) -> None:
        """Without a line in the log for each: they may be many."""
        if self.cycle is not None and not (self.cycle.response_complete and self._reads_head()):
            self.transport.close()  # the answer to a probe is on its way, or nobody waits for one
            return
        message = f"The server has as many connections as it may: {self._limits.connections} (server.max_connections)."
        self._close_with(BridgeError(message, status=503, code="too_many_connections", retry_after="5"))

    def _is_answered(self) -> bool:
        """Whether a request has come whole, or its answer has begun, and the answer has not ended."""
        if self.cycle is None or (self.cycle.response_complete and not self.pipeline):
            return False
        return self._whole or bool(self.pipeline) or self.cycle.response_started

    def _may_ask(self) -> bool:
        """Whether there is room for the request whose head has come, or needs none."""
        return self._connections.admit(self, self.loop) or self.url.partition(b"?")[0] in _ALWAYS_ANSWERED

    def _time_is_up(self, now: float) -> None:
        limits = self._limits
        answered = self.cycle is None or self.cycle.response_complete
        if self._refusal is not None or (answered and not self._reads_head()):
            self.transport.close()
        elif self._whole:
            seconds = f"{limits.head_seconds:g} seconds"
            self._refuse(_timeout(f"The head of the request was not complete after {seconds}", "head_timeout"))
        elif self.flow.read_paused or self._body_bytes >= _LEAST_BYTES_PER_SECOND * limits.body_seconds:
            self._body_bytes = 0
            self._deadline = now + limits.body_seconds
        else:
            least = f"{_LEAST_BYTES_PER_SECOND} bytes a second in {limits.body_seconds:g} seconds"
            self._refuse(_timeout(f"Less of the request body came in than {least}", "body_timeout"))

    def _reads_head(self) -> bool:
        """Whether a request has begun whose head has not ended."""
        return self.scope is not None and (self.cycle is None or self.cycle.scope is not self.scope)

    def _refuse(self, error: BridgeError) -> None:
        """Answers in the place of the application, which at most learns of it as of a client that left."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            self._tell(error)
            self._close_with(error)
        elif self._reads_head() or cycle.response_started:
            self.transport.close()  # another answer is on its way, and would be mixed with this one
        else:
            cycle.scope["extensions"][EXTENSION]["refusal"] = error
            cycle.disconnected = True
            cycle.message_event.set()
            self._close_with(error)

    def _close_with(self, error: BridgeError) -> None:
        self._refusal = error
        body = error.envelope()
        retry = b"" if error.retry_after is None else b"retry-after: %b\r\n" % error.retry_after.encode()
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b: %b\r\n%b"
            b"connection: close\r\n\r\n%b" % (error.status, _REASONS[error.status], len(body), *_new_id(), retry, body)
        )
        self._deadline = self.loop.time() + _LINGER_SECONDS
        if self._connections.linger(self, self.loop):
            self._joining.write_eof()
        else:
            self.transport.close()

    def _tell(self, error: BridgeError) -> None:
        observer: Observer | None = getattr(self.app, "observer", None)
        if observer is None:
            return
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

    # --- requests --------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        self._unset_keepalive_if_required()
        self._chunk = len(data)
        before = self._body_bytes
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._after_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            if self._refusal is None:
                self._refuse(self._limit_passed() or _MALFORMED)
            return
        if self._whole and not self._reads_head():
            self._unproductive = 0
            if self.cycle is not None and self.cycle.response_complete:
                self._rest()  # empty lines, or the end of a body that nobody waited for
            return
        self._unproductive = 0 if self._body_bytes != before else self._unproductive + len(data)
        if passed := self._limit_passed():
            self._refuse(passed)
        elif self._whole:
            self._wait_for_head()
        else:
            self._connections.read_body(self, self.loop)

    def _rest(self) -> None:
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        self._connections.wait(self, self.loop)

    def _wait_for_head(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            if self._deadline is None:
                self._deadline = self.loop.time() + self._limits.head_seconds
            self._connections.wait(self, self.loop)

    def _limit_passed(self) -> BridgeError | None:
        """Which limit of a head, or of what comes behind a body, has been passed."""
        limits = self._limits
        if self.headers is not None and len(self.headers) > limits.head_fields:
            return _too_large(f"The request has more than {limits.head_fields} headers (server.max_head_fields).")
        if self._unproductive > limits.head_bytes or self._head_bytes() > limits.head_bytes:
            return _too_large(
                f"The head of the request is larger than {limits.head_bytes} bytes (server.max_head_bytes)."
            )
        return None

    def _head_bytes(self) -> int:
        if self._unproductive + self._chunk <= self._limits.head_bytes or self.headers is None:
            return 0  # it cannot be more
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def on_headers_complete(self) -> None:
        if self._limit_passed() is not None:
            raise _Refused
        if not self._may_ask():
            self._connections.refused(self.loop)
            self.turn_away()
            raise _Refused
        self._body_bytes = 0
        # A handshake is a GET (RFC 6455, section 4.1): with any other method it is an offer like that of HTTP/2.
        if self.parser.should_upgrade() and not (self.parser.get_method() == b"GET" and self._should_upgrade()):
            self._offered_upgrade = True
            return
        if len(self.pipeline) >= _MOST_WAITING_REQUESTS:
            raise _Refused
        self._whole = False
        self._deadline = None
        super().on_headers_complete()
        self.scope["extensions"] = {EXTENSION: {"write": self._body_writer}}
        if self._drain.phase is not Phase.SERVING:
            self.retire()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._offered_upgrade:
            return  # the parser takes what follows for the other protocol
        self._whole = True
        self._deadline = None
        self._connections.answer(self)
        super().on_message_complete()

    def _after_upgrade(self, rest: bytes) -> None:
        if not self._offered_upgrade:
            if any(len(name) + len(value) + 4 > _LONGEST_OF_HANDSHAKE for name, value in self.headers):
                message = f"A header of a WebSocket's handshake has more than {_LONGEST_OF_HANDSHAKE} bytes."
                self._refuse(_too_large(message))
                return
            self._connections.leave(self)
            self.handle_websocket_upgrade()
            return
        # Nobody has to take the offer (RFC 9110, section 7.8): the same request without it.
        self._offered_upgrade = False
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            self._refuse(_MALFORMED)
            return
        kept = [(name, value) for name, value in self.headers if name not in _UPGRADE_FIELDS]
        head = b"".join([b"%b: %b\r\n" % field for field in kept])
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
        self.data_received(b"%b %b HTTP/%b\r\n%b\r\n%b" % (method, self.url, version, head, rest))

    def on_response_complete(self) -> None:
        if len(self.tasks) == 1:  # nobody else is being answered: nothing to wait for
            self._joining.flush()
        super().on_response_complete()
        if not self._whole:
            self._connections.read_body(self, self.loop)
        elif not self._is_answered():
            self._connections.wait(self, self.loop)

    # --- the end of the process ------------------------------------------------------------------

    def retire(self) -> None:
        """The answer under way, if there is one, is the last; its head says so if it has not been sent."""
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def go_when_idle(self) -> None:
        """Closes the connection if nothing is under way, and else behind the answer. Who has not yet sent the whole of
        a request gets a moment."""
        self.retire()
        if self.cycle is None or self._reads_head():
            self._await_request(_LOOKS)
        else:
            self.shutdown()

    def _await_request(self, looks: int) -> None:
        """Turn by turn of the loop: one that is late finds that time is up before it finds what has arrived."""
        if looks and (self.cycle is None or self._reads_head()):
            self.loop.call_later(_LOOK_SECONDS, self._await_request, looks - 1)
        else:
            self.shutdown()


def _timeout(message: str, setting: str) -> InvalidRequest:
    return InvalidRequest(f"{message} (server.{setting}).", status=408, code="request_timeout")


def _too_large(message: str) -> InvalidRequest:
    return InvalidRequest(message, status=431, code="request_header_fields_too_large")


def _new_id() -> tuple[bytes, bytes]:
    return REQUEST_ID.encode(), request_id({}).encode()


_MALFORMED = InvalidRequest("This is no HTTP request.", code="malformed_request")
_REASONS = {
    400: b"Bad Request",
    408: b"Request Timeout",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}
