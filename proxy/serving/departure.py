"""`ListenerProbe`: whether a client that has said all still listens.

Its silence does not tell: one that has closed its sending half behind its request may wait for the answer, or may have
gone. So it is told to go on, as any client of HTTP/1.1 has to take (RFC 9110, section 15.2). If it has gone, its system
answers with a reset, which the socket keeps as its error.
"""

from __future__ import annotations

import asyncio
import socket

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_FIRST_LOOK, _NEXT_LOOK = 0.05, 1.0
"""Seconds after its last word until it is first looked whether a client still listens, and then between two looks."""


class ListenerProbe:
    """Looks at one transport from its making on, until `stop`. Aborts the transport of a client that has gone."""

    __slots__ = ("_loop", "_timer", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        transport.write(_CONTINUE)
        self._timer: asyncio.TimerHandle | None = loop.call_later(_FIRST_LOOK, self._look)

    def __repr__(self) -> str:
        return f"ListenerProbe({'over' if self._timer is None else 'looking'})"

    def stop(self) -> None:
        """Looks no more; a second time does nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None  # a timer that has fired still holds what it called
        if self._transport.is_closing():
            return
        raw: socket.socket = self._transport.get_extra_info("socket")
        if raw.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._transport.abort()
        else:
            self._timer = self._loop.call_later(_NEXT_LOOK, self._look)
