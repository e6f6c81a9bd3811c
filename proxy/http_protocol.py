"""`HttpProtocol`: uvicorn's, but what is written in one turn of the event loop leaves together.

ASGI leaves that to the server, and uvicorn writes at once: the head of an answer by itself, and every chunk between
reading one connection and the next. It also has an extension of its own, `BodyWriter`.
"""

from __future__ import annotations

import asyncio
from typing import cast

from starlette.types import Scope
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from proxy.joined_writes import JoiningTransport, Outbox, outbox_of

_EXTENSION = "dragoman.body"


class BodyWriter:
    """Writes a piece of an answer that has begun and has no `content-length`: no message, no coroutine.

    Answers False, and has not written it, where the client does not read: then `send` has to wait for that.
    `wrote_at` is when something was last written, by the clock of the loop, as of the turn of the loop that did it.
    """

    __slots__ = ("_flow", "_outbox", "_write", "wrote_at")

    def __init__(self, transport: JoiningTransport, flow: FlowControl, outbox: Outbox) -> None:
        self.wrote_at = 0.0
        self._write = transport.write
        self._flow = flow
        self._outbox = outbox

    def __call__(self, piece: bytes) -> bool:
        if self._flow.write_paused:
            return False
        self._write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wrote_at = self._outbox.read_at
        return True


def body_writer(scope: Scope) -> BodyWriter | None:
    """For the answer to this request, where the server is one that has it."""
    writer: BodyWriter | None = scope.get("extensions", {}).get(_EXTENSION, {}).get("write")
    return writer


class HttpProtocol(HttpToolsProtocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        self._outbox = outbox_of(self.loop)
        self._joining = JoiningTransport(transport, self._outbox)
        super().connection_made(cast("asyncio.Transport", self._joining))

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self.scope["extensions"] = {_EXTENSION: {"write": BodyWriter(self._joining, self.flow, self._outbox)}}

    def on_response_complete(self) -> None:
        if len(self.tasks) == 1:  # nobody else is being answered: nothing to wait for
            self._joining.flush()
        super().on_response_complete()
