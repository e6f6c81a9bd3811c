"""`HttpProtocol`: uvicorn's, but what is written in one step of the event loop leaves together at its end.

ASGI leaves that to the server, and uvicorn writes at once: the head of an answer by itself, and every chunk between
reading one connection and the next. It also has an extension of its own, `BodyWriter`.
"""

from __future__ import annotations

import asyncio
from typing import cast

from starlette.types import Scope
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from proxy.joined_writes import JoiningTransport, join_writes

_EXTENSION = "dragoman.body"


class BodyWriter:
    """Writes a piece of an answer that has begun and has no `content-length`: no message, no coroutine.

    Answers False, and has not written it, where the client does not read: then `send` has to wait for that.
    """

    __slots__ = ("_flow", "_write")

    def __init__(self, transport: JoiningTransport, flow: FlowControl) -> None:
        self._write = transport.write
        self._flow = flow

    def __call__(self, piece: bytes) -> bool:
        if self._flow.write_paused:
            return False
        self._write(b"%x\r\n%b\r\n" % (len(piece), piece))
        return True


def body_writer(scope: Scope) -> BodyWriter | None:
    """For the answer to this request, where the server is one that has it."""
    writer: BodyWriter | None = scope.get("extensions", {}).get(_EXTENSION, {}).get("write")
    return writer


class HttpProtocol(HttpToolsProtocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        self._joining = join_writes(transport, self.loop)
        super().connection_made(cast("asyncio.Transport", self._joining))

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self.scope["extensions"] = {_EXTENSION: {"write": BodyWriter(self._joining, self.flow)}}

    def on_response_complete(self) -> None:
        if len(self.tasks) == 1:  # nobody else is being answered: nothing to wait for
            self._joining.flush()
        super().on_response_complete()
