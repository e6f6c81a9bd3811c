"""`WebSocketProtocol`: uvicorn's, with bounds on what a client can make it hold, and quiet about clients that leave.

A message is bounded in bytes by uvicorn (`ws_max_size`), and compression is off (`ws_per_message_deflate`): a few
kilobytes of it become gigabytes, and on a local socket it only costs time. What is added here is a bound on the pieces
of a message, since thousands of tiny ones cost many times their bytes.
"""

from __future__ import annotations

import asyncio
import logging
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidMessage
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request, Response
from websockets.typing import StatusLike

from proxy.endpoints.responses_socket import LOST
from proxy.telemetry.log import QUIET
from translators.errors import BridgeError, InvalidRequest, bounded

_MOST_PIECES = 4096  # of one message; clients that send in pieces at all send them as large as their buffers
_FAILED = "Failed to open a WebSocket connection"  # as the library begins its own reasons
_LONGEST_REASON = 200  # characters; it may hold a header of the client
_SENDS = ("websocket.send", "websocket.close")
# uvicorn tells of every handshake with its query, where some put a key, and the WebSocket library of every header; the
# log of requests tells what there is to be told. `proxy.telemetry.log` lets nothing below a warning through.
_log = logging.getLogger(QUIET)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.logger = self.conn.logger = _log
        self.conn.reject = _rejection  # type: ignore[method-assign]  # the library's own is a line of text
        self._lost = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if isinstance(self.conn.handshake_exc, InvalidMessage) and not self.handshake_complete:
            # uvicorn waits for a request that the library has given up: one with a body, or of HTTP/1.0.
            self.handshake_complete = self.close_sent = True
            reason = self.conn.handshake_exc.__cause__ or self.conn.handshake_exc
            self.transport.write(_rejection(HTTPStatus.BAD_REQUEST, f"{_FAILED}: {reason}.").serialize())
            self.transport.close()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            self.scope["extensions"][LOST] = self._lost  # type: ignore[assignment]

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= _MOST_PIECES:
            self.frames = []
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, f"a message in more than {_MOST_PIECES} pieces")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        if len(self.frames) > 1:
            self.frames = [b"".join(self.frames)]
        if self.curr_msg_data_type == "text" and not _is_utf8(self.frames[0]):  # uvicorn tells of it as of a mistake
            self.frames = []
            self.conn.fail(CloseCode.INVALID_DATA, "a text message that is not UTF-8")
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost.set()
        self.frames = []
        super().connection_lost(exc)

    async def send(self, message: Any) -> None:
        if self.close_sent and message["type"] in _SENDS:
            raise ClientDisconnected  # said what was to be said: not an application's fault
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True  # denied, which is an end, too


def _rejection(status: StatusLike, text: str) -> Response:
    """A handshake's refusal in OpenAI's envelope, as every other error has it."""
    status = HTTPStatus(status)
    message = bounded(" ".join(text.split()), _LONGEST_REASON)
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        error: BridgeError = InvalidRequest(message, code="invalid_handshake")
    else:
        error = BridgeError(message, code="server_error")
    body = error.envelope()
    fields = [
        ("Date", formatdate(usegmt=True)),
        ("Connection", "close"),
        ("Content-Length", str(len(body))),
        ("Content-Type", "application/json"),
    ]
    return Response(status.value, status.phrase, Headers(fields), body)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
