"""The body of a request, within a limit, and the client's departure while it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType

from msgspec import Struct
from starlette.types import Receive

from proxy.content_encoding import decode_body
from translators.errors import InvalidRequest

_UNWATCHED_SECONDS = 0.05


class BodyLimits(Struct, frozen=True):
    """The longest and the deepest body taken."""

    bytes: int
    depth: int


class ClientGone(Exception):
    """The client closed its connection; there is nobody to answer."""


async def read_request(receive: Receive, limit: int, headers: Mapping[str, str]) -> bytes:
    """The body as it was before it was compressed, if it was. Raises InvalidRequest and ClientGone."""
    body = await read_body(receive, limit, headers.get("content-length"))
    encoding = headers.get("content-encoding")
    return body if encoding is None else decode_body(body, encoding, limit)


async def read_body(receive: Receive, limit: int, content_length: str | None) -> bytes:
    """Raises InvalidRequest (413) for a body longer than `limit` bytes, and ClientGone."""
    if content_length is not None and content_length.isdigit() and int(content_length) > limit:
        raise _too_large(limit)
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)


def _too_large(limit: int) -> InvalidRequest:
    return InvalidRequest(
        f"The request body is larger than the limit of {limit} bytes.", status=413, code="request_too_large"
    )


class CancelledOnDisconnect:
    """`with`: cancels what runs inside when the client goes away, and raises ClientGone in its place.

    It begins to watch after a moment: a task of its own costs more than what is left of a short request.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._gone = False
        self._watcher: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        self._watched = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(_UNWATCHED_SECONDS, self._begin)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        if self._gone and isinstance(error, asyncio.CancelledError):
            assert self._watched is not None
            if self._watched.uncancel() == 0:
                raise ClientGone from None

    def _begin(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        assert self._watched is not None
        self._watched.cancel()
