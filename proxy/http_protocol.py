"""`HttpProtocol`: uvicorn's, but what is written in one step of the event loop leaves together at its end.

ASGI leaves that to the server, and uvicorn writes at once: the head of an answer by itself, and every chunk between
reading one connection and the next. A write costs more than the bytes in it, for it goes through the whole network
stack and wakes the client, which then takes the processor's caches and often the processor itself. Where hundreds of
streams have something in one step, it is over a fifth sooner when all are read first and then all are written.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# As much as a transport takes before it asks its writer to pause; it cannot ask for what it has not seen.
_MOST_HELD = 1 << 16


class HttpProtocol(HttpToolsProtocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        self._joining = _JoiningTransport(transport, _outbox(self.loop))
        super().connection_made(cast("asyncio.Transport", self._joining))

    def on_response_complete(self) -> None:
        if len(self.tasks) == 1:  # nobody else is being answered: nothing to wait for
            self._joining.flush()
        super().on_response_complete()


class _JoiningTransport:
    """A transport that holds what is written until the step of the event loop is over."""

    def __init__(self, transport: asyncio.Transport, outbox: _Outbox) -> None:
        self._transport = transport
        self._outbox = outbox
        self._held: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        if not self._held:
            self._outbox.add(self)
        self._held.append(data)
        self._size += len(data)
        if self._size >= _MOST_HELD:
            self.flush()

    def flush(self) -> None:
        if self._held:
            held, self._held, self._size = self._held, [], 0
            if not self._transport.is_closing():
                self._transport.write(held[0] if len(held) == 1 else b"".join(held))

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def write_eof(self) -> None:
        self.flush()
        self._transport.write_eof()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Outbox:
    """The transports of one event loop that hold something. It does not hold the loop, so that both can end."""

    def __init__(self) -> None:
        self._waiting: list[_JoiningTransport] = []

    def add(self, transport: _JoiningTransport) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(transport)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for transport in waiting:
            transport.flush()


_OUTBOXES: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Outbox] = weakref.WeakKeyDictionary()


def _outbox(loop: asyncio.AbstractEventLoop) -> _Outbox:
    outbox = _OUTBOXES.get(loop)
    if outbox is None:
        outbox = _OUTBOXES[loop] = _Outbox()
    return outbox
