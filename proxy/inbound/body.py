"""The body of a request, within a limit, and the client's departure while it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType

from msgspec import Struct
from starlette.types import Message, Receive

from proxy.inbound.content_encoding import decode_aside
from proxy.inbound.waiting import Share, WaitingBytes
from translators.errors import InvalidRequest

_UNWATCHED_SECONDS = 0.05


class BodyLimits(Struct, frozen=True):
    """The longest and the deepest body taken, and what all that arrive may have together."""

    bytes: int
    depth: int
    waiting: WaitingBytes


class ClientGone(Exception):
    """The client closed its connection; there is nobody to answer."""


async def read_request(receive: Receive, limits: BodyLimits, headers: Mapping[str, str]) -> bytes:
    """The body as it was before it was compressed, if it was.

    Raises InvalidRequest (413) for one that is longer than it may be, BridgeError (503) where too many bytes of others
    arrive, and ClientGone.
    """
    limit = limits.bytes
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.disconnect" or message.get("more_body", False) or len(body) > limit:
        with Share(limits.waiting) as share:
            body = await _read_rest(receive, message, limit, share)
    encoding = headers.get("content-encoding")
    return body if encoding is None else await decode_aside(body, encoding, limit)


async def _read_rest(receive: Receive, message: Message, limit: int, share: Share) -> bytes:
    """The whole of a body whose first piece is in `message`. Raises BridgeError (413, 503) and ClientGone."""
    pieces: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        share.add(len(piece))
        share.check()
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)  # a growing bytearray is copied more than once, and in steps as long
        message = await receive()


def _too_large(limit: int) -> InvalidRequest:
    return InvalidRequest(
        f"The request body is larger than {limit} bytes (server.max_body_bytes).",
        status=413,
        code="request_too_large",
    )


class Lookout:
    """Begins to watch the clients of requests that take a moment, with one timer for all of an event loop.

    A task that watches costs more than what is left of a short request, and a timer of its own nearly as much.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None  # the one whose timer runs
        self._new: set[CancelledOnDisconnect] = set()
        self._old: set[CancelledOnDisconnect] = set()

    def enter(self, watch: CancelledOnDisconnect, loop: asyncio.AbstractEventLoop) -> set[CancelledOnDisconnect]:
        """The set that holds it from here on, until it leaves that."""
        if loop is not self._loop:
            self._loop = loop
            self._new, self._old = set(), set()
            loop.call_later(_UNWATCHED_SECONDS, self._look, loop)
        self._new.add(watch)
        return self._new

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is not self._loop:
            return
        for watch in self._old:
            watch.begin(loop)
        self._old, self._new = self._new, set()
        if self._old:
            loop.call_later(_UNWATCHED_SECONDS, self._look, loop)
        else:
            self._loop = None


class CancelledOnDisconnect:
    """`with`: cancels what runs inside when the client goes away, and raises ClientGone in its place.

    It begins to watch when `lookout` says so, which may be shared by whatever runs on one event loop.
    """

    def __init__(self, receive: Receive, lookout: Lookout | None = None) -> None:
        self._receive = receive
        self._lookout = lookout or Lookout()
        self._gone = False
        self._watcher: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        self._watched = asyncio.current_task()
        assert self._watched is not None
        self._waiting = self._lookout.enter(self, self._watched.get_loop())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.discard(self)
        if self._watcher is not None:
            self._watcher.cancel()
        if self._gone and isinstance(error, asyncio.CancelledError):
            assert self._watched is not None
            if self._watched.uncancel() == 0:
                raise ClientGone from None

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._watcher = loop.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        assert self._watched is not None
        self._watched.cancel()
