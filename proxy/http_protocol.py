"""`HttpProtocol`: uvicorn's, but the head of an answer leaves together with what is written behind it in the same step.

ASGI leaves that to the server, and uvicorn writes a head at once. A write costs more than the bytes in it: it goes
through the whole network stack and wakes the client.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEAD = b"HTTP/1."


class HttpProtocol(HttpToolsProtocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        self._joining = _JoiningTransport(transport, self.loop)
        super().connection_made(cast("asyncio.Transport", self._joining))

    def on_response_complete(self) -> None:
        self._joining.flush()
        super().on_response_complete()


class _JoiningTransport:
    """A transport that holds a head back until the answer is complete or the step of the event loop is over."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def write(self, data: bytes) -> None:
        if self._held:
            self._held.append(data)
        elif data.startswith(_HEAD):
            self._held.append(data)
            self._loop.call_soon(self.flush)
        else:
            self._transport.write(data)

    def flush(self) -> None:
        if self._held:
            held, self._held = self._held, []
            self._transport.writelines(held)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
