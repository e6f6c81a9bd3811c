"""`BackgroundRuns`: the responses that this process makes while nobody waits for them.

A run's events become visible once they are stored, so that whoever resumes, on whichever replica, gets the same
bytes. Its lease says that its process lives; a response whose lease has ended is failed by whoever notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable

import msgspec

from proxy.exchange.exchange import Exchange
from proxy.exchange.services import Services
from proxy.process.drain import ShuttingDown
from proxy.state.recording import head, whole
from proxy.state.sink import BackgroundSink
from proxy.store import StoredResponse, StoreError
from proxy.telemetry.observer import ending_of_response
from translators.errors import BridgeError
from translators.schema.events import ResponseFailed
from translators.schema.responses import ResponseError
from translators.wire.sse import encode

_log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.05  # how long events wait for others to be stored together with them
LOST = ResponseError("server_error", "The process that worked on this response has ended.")


class Run:
    """One background response, which goes on by itself; what becomes of it is in its sink."""

    def __init__(self, services: Services, exchange: Exchange, sink: BackgroundSink) -> None:
        self.exchange = exchange
        self.sink = sink
        self.ended = False
        self._store = services.store
        self._clock = services.clock
        self._lease = services.store_settings.lease_seconds
        self._task: asyncio.Task[None] | None = None
        self._observer = services.observer

    def __repr__(self) -> str:
        state = "ended" if self.ended else "queued" if self._task is None else "under way"
        return f"Run({self.exchange.response.id}, {state}, {self.sink!r})"

    async def start(self) -> None:
        """Stores the response as queued and lets it go on by itself. Raises StoreError."""
        await self.sink.begin(self.exchange.recorder, self.exchange.response)
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Closes the upstream; what the response's end is has been decided elsewhere."""
        self.task.cancel()
        await asyncio.wait([self.task])

    async def fail(self, error: BridgeError) -> None:
        """Ends the response as failed, for the sake of a process that stops."""
        await self.stop()
        if not self.exchange.ended:
            await self.exchange.fail(error)

    async def frames_since(self, number: int) -> list[bytes] | None:
        """The frames from event `number` on, as far as they are stored; None where the store has lost them."""
        recent = self.sink.frames.since(number)
        if recent is not None:
            return recent
        batches = await self._store.events(self.exchange.recorder.owner, self.exchange.response.id, number - 1)
        return frames_from(number, batches) or None

    @property
    def changed(self) -> asyncio.Event:
        """Set when there are more frames than now, or the run has ended."""
        return self.sink.changed

    @property
    def task(self) -> asyncio.Task[None]:
        assert self._task is not None, "the run has not been started"
        return self._task

    async def _run(self) -> None:
        flusher = asyncio.get_running_loop().create_task(self._flush_always(asyncio.current_task()))
        began = time.perf_counter()
        self._observer.began("background")
        try:
            self.exchange.start()
            if not await self.sink.update(self.exchange.recorder, self.exchange.response):
                raise asyncio.CancelledError
            try:
                await self.exchange.open()
            except BridgeError as error:
                await self.exchange.fail(error)
            else:
                while not self.exchange.ended:
                    await self.exchange.read()
        except StoreError:
            _log.error("a background response was lost", extra={"response": self.exchange.response.id})
        finally:
            flusher.cancel()
            self.ended = True
            self.sink.changed.set()
            self._tell_end(time.perf_counter() - began)
            await asyncio.shield(self.exchange.close())

    def _tell_end(self, seconds: float) -> None:
        exchange = self.exchange
        request_id = exchange.client_headers.get("x-request-id", "")
        who = exchange.caller.name
        self._observer.ended(
            ending_of_response("background", exchange, request_id=request_id, who=who, seconds=seconds)
        )

    async def _flush_always(self, work: asyncio.Task[None] | None) -> None:
        """Stores events as they come and renews the lease; ends the run when it is not ours any more."""
        assert work is not None
        renewed = self._clock()
        while True:
            await asyncio.sleep(min(FLUSH_SECONDS, self._lease / 4))
            if not self.sink.pending and self._clock() - renewed < self._lease / 4:
                continue
            try:
                ours = await self.sink.flush(self.exchange.response.id)
            except StoreError:
                continue  # the lease decides how long that may go on
            renewed = self._clock()
            if not ours:
                work.cancel()
                return


class BackgroundRuns:
    """Those of this process; `aclose` fails what still runs."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._runs: dict[str, Run] = {}

    async def start(self, exchange: Exchange) -> Run:
        """Of an exchange with a sink of its kind. Raises StoreError."""
        assert isinstance(exchange.sink, BackgroundSink), "the request asks for no background response"
        run = Run(self._services, exchange, exchange.sink)
        try:
            await run.start()
        except BaseException:
            await exchange.close()
            raise
        self._runs[exchange.response.id] = run
        run.task.add_done_callback(lambda _: self._runs.pop(exchange.response.id, None))
        if (places := exchange.caller.places) is not None:  # its request, which waits no longer, had one
            places.begin()
            run.task.add_done_callback(lambda _: places.end())
        return run

    def find(self, response_id: str) -> Run | None:
        return self._runs.get(response_id)

    async def stop(self, response_id: str) -> None:
        run = self.find(response_id)
        if run is not None:
            await run.stop()

    async def cancel(self, record: StoredResponse) -> StoredResponse:
        """The response as it ends: cancelled, unless it had ended before."""
        store = self._services.store
        if not record.active:
            return record
        cancelled = msgspec.structs.replace(record, status="cancelled", head=head(record, status="cancelled"))
        if not await store.end(cancelled):
            return await store.get(record.owner, record.id) or record
        await self.stop(record.id)
        return cancelled

    async def aclose(self) -> None:
        for run in list(self._runs.values()):
            with contextlib.suppress(StoreError):
                await run.fail(ShuttingDown())


async def read_settled(services: Services, owner: str, response_id: str) -> StoredResponse | None:
    """A stored response; one whose process has ended without a word is failed first."""
    record = await services.store.get(owner, response_id)
    if record is None or not _lost(record, services.clock()):
        return record
    await fail_lost(services, record)
    return await services.store.get(owner, response_id)


def _lost(record: StoredResponse, now: float) -> bool:
    return record.active and record.lease_until is not None and record.lease_until < now


async def fail_lost(services: Services, record: StoredResponse) -> None:
    store = services.store
    batches = await store.events(record.owner, record.id, -1)
    number = 0 if not batches else batches[-1][0] + len(split_frames(batches[-1][1]))
    failed = {"status": "failed", "error": LOST}
    event = ResponseFailed(number, msgspec.Raw(whole(record, **failed)))  # type: ignore[arg-type]
    ended = msgspec.structs.replace(record, status="failed", head=head(record, **failed))
    frames = encode(event) if batches else b""
    if await store.end(ended, expired_at=services.clock(), first=number, frames=frames):
        _log.warning("a background response was lost with its process", extra={"response": record.id})


def frames_from(number: int, batches: Iterable[tuple[int, bytes]]) -> list[bytes]:
    """The frames from event `number` on, of batches that each begin with the event whose number is given."""
    found: list[bytes] = []
    for first, batch in batches:
        found += split_frames(batch)[max(0, number + len(found) - first) :]
    return found


def split_frames(frames: bytes) -> list[bytes]:
    """JSON holds no bare line break, so that a blank line is always the end of a frame."""
    return [frame + b"\n\n" for frame in frames.split(b"\n\n")[:-1]]
