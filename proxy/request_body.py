"""The body of a request, within a limit, and the client's departure while it is answered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

from msgspec import Struct
from starlette.types import Receive

from proxy.content_encoding import decode_body
from translators.errors import InvalidRequest


class BodyLimits(Struct, frozen=True):
    """The longest and the deepest body taken."""

    bytes: int
    depth: int


class ClientGone(Exception):
    """The client closed its connection; there is nobody to answer."""


async def read_request(receive: Receive, limit: int, headers: Mapping[str, str]) -> bytes:
    """The body as it was before it was compressed, if it was. Raises InvalidRequest and ClientGone."""
    body = await read_body(receive, limit, headers.get("content-length"))
    return decode_body(body, headers.get("content-encoding"), limit)


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


@contextlib.asynccontextmanager
async def cancelled_on_disconnect(receive: Receive) -> AsyncIterator[None]:
    """Cancels what runs inside when the client goes away, and raises ClientGone in its place."""
    task = asyncio.current_task()
    assert task is not None
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        task.cancel()

    watcher = asyncio.get_running_loop().create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if gone and task.uncancel() == 0:
            raise ClientGone from None
        raise
    finally:
        watcher.cancel()
