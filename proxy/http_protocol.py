"""`HttpProtocol`: uvicorn's, but what is written in one step of the event loop leaves together at its end.

ASGI leaves that to the server, and uvicorn writes at once: the head of an answer by itself, and every chunk between
reading one connection and the next.
"""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from proxy.joined_writes import join_writes


class HttpProtocol(HttpToolsProtocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        self._joining = join_writes(transport, self.loop)
        super().connection_made(cast("asyncio.Transport", self._joining))

    def on_response_complete(self) -> None:
        if len(self.tasks) == 1:  # nobody else is being answered: nothing to wait for
            self._joining.flush()
        super().on_response_complete()
