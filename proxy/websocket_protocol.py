"""`WebSocketProtocol`: uvicorn's, with bounds on what a client can make it hold, and quiet about clients that leave.

A message is bounded in bytes by uvicorn (`ws_max_size`), and compression is off (`ws_per_message_deflate`): a few
kilobytes of it become gigabytes, and on a local socket it only costs time. What is added here is a bound on the pieces
of a message, since thousands of tiny ones cost many times their bytes.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

_MOST_PIECES = 4096  # of one message; clients that send in pieces at all send them as large as their buffers
_SENDS = ("websocket.send", "websocket.close")


class WebSocketProtocol(WebSocketsSansIOProtocol):
    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= _MOST_PIECES:
            self.frames = []
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, f"a message in more than {_MOST_PIECES} pieces")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    def connection_lost(self, exc: Exception | None) -> None:
        self.frames = []
        super().connection_lost(exc)

    async def send(self, message: Any) -> None:
        if self.close_sent and message["type"] in _SENDS:
            raise ClientDisconnected  # said what was to be said: not an application's fault
        await super().send(message)
