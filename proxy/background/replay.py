"""`Replay`: the stored events of a response from any number on, and those still to come, as an SSE answer.

A run of this process says itself when there is more; for one elsewhere the store is asked again and again. Whoever
watches the latter is sent away when this process closes: the stream ends without its terminal event and without
`[DONE]`, and any process goes on with it from `starting_after`. A run of this process ends before that does, and who
watches it sees how.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from proxy.background.runs import BackgroundRuns, Run, frames_from, read_settled
from proxy.exchange.services import Services
from proxy.inbound.body import CancelledOnDisconnect, ClientGone
from proxy.inbound.headers import EVENT_STREAM, RawHeaders
from proxy.store import StoredResponse
from translators.errors import InvalidRequest
from translators.wire.sse import DONE_FRAME

POLL_SECONDS = 0.25
# A comment, for whoever looks at the stream with their own eyes.
AWAY_FRAME = b": this server is shutting down; the stream goes on at another with starting_after=%d\n\n"
KEEP_ALIVE_FRAME = b": keep-alive\n\n"  # an event would need a number of its own


class Replay(Response):
    """`frames` are sent as they come; `headers` go beside those of every stream."""

    def __init__(self, frames: AsyncIterator[bytes], headers: RawHeaders | None = None) -> None:
        self._frames = frames
        self._head: RawHeaders = [*EVENT_STREAM, *(headers or [])]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with CancelledOnDisconnect(receive):
                await self.run(send)
        except ClientGone:
            return

    async def run(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._head})
        async for frames in self._frames:
            await send({"type": "http.response.body", "body": frames, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def replayed(
    record: StoredResponse, after: int, services: Services, runs: BackgroundRuns, keep_alive: float
) -> AsyncIterator[bytes]:
    """The frames behind number `after`. Raises InvalidRequest where none were kept."""
    run = runs.find(record.id)
    if run is not None:
        return frames_of_run(run, after, keep_alive)
    if not record.active and not await services.store.events(record.owner, record.id, -1):
        raise InvalidRequest(
            "No events of this response are kept: it cannot be streamed again.", param="stream", code="invalid_value"
        )
    return _frames_of_store(record, after, services, keep_alive)


async def frames_of_run(run: Run, after: int, keep_alive: float) -> AsyncIterator[bytes]:
    sent = after + 1
    while True:
        changed = run.changed  # before looking, so that nothing is missed in between
        new = await run.frames_since(sent)
        if new:
            sent += len(new)
            yield b"".join(new)
        elif new is None or run.ended:
            yield DONE_FRAME
            return
        else:
            try:
                # `wait_for` may forget, on Python 3.11, that the client has gone.
                async with asyncio.timeout(keep_alive or None):
                    await changed.wait()
            except TimeoutError:
                yield KEEP_ALIVE_FRAME


async def _frames_of_store(
    record: StoredResponse, after: int, services: Services, keep_alive: float
) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    spoke = loop.time()
    sent = after + 1
    while True:
        # The status first: events that came between the two reads are then seen before the end is.
        now = await read_settled(services, record.owner, record.id)
        new = frames_from(sent, await services.store.events(record.owner, record.id, sent - 1))
        sent += len(new)
        if new:
            yield b"".join(new)
            spoke = loop.time()
        elif now is None or not now.active:
            yield DONE_FRAME
            return
        elif services.drain.closing:
            yield AWAY_FRAME % (sent - 1)
            return
        elif keep_alive and loop.time() - spoke > keep_alive:
            yield KEEP_ALIVE_FRAME
            spoke = loop.time()
        else:
            await asyncio.sleep(POLL_SECONDS)
