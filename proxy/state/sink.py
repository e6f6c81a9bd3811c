"""`Sink`: where a response goes that is stored, with its events where they are kept.

`Foreground` is for a response that somebody waits for: it is not there before it has ended. `BackgroundSink` is for one
that nobody waits for: it is there from the beginning, and its events as they come.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Protocol

from proxy.state.history import Beginning
from proxy.state.recording import Recorder, Recording
from proxy.store import Store
from translators.schema.events import AnyEvent
from translators.schema.responses import Response
from translators.wire.sse import SSEEncoder


class Sink(Protocol):
    """Gets events as they come, if it `wants_events`, and the whole when it has ended, with the last of them.

    The conversation that the response begins is made with it.
    """

    wants_events: bool

    def on_events(self, events: Sequence[AnyEvent]) -> None: ...

    async def keep(self, recording: Recording, events: Sequence[AnyEvent]) -> None:
        """Raises StoreError."""


class Foreground:
    """Keeps the whole when it has ended, and its events if told to."""

    def __init__(self, store: Store, beginning: Beginning | None, *, with_events: bool) -> None:
        self.wants_events = with_events
        self._store = store
        self._beginning = beginning
        self._encoder = SSEEncoder() if with_events else None
        self._frames: list[bytes] = []

    def __repr__(self) -> str:
        return f"Foreground({len(self._frames)} frames)" if self.wants_events else "Foreground()"

    def on_events(self, events: Sequence[AnyEvent]) -> None:
        if self._encoder is not None:
            self._frames += self._encoder.frames(events)

    async def keep(self, recording: Recording, events: Sequence[AnyEvent]) -> None:
        self.on_events(events)
        if self._beginning is not None:
            await self._store.create_conversation(self._beginning.conversation, self._beginning.items)
        await self._store.put(recording.record, recording.named, recording.appended, b"".join(self._frames))


KEPT_BYTES = 1 << 20
"""Of the events of a run that are stored: whoever watches it is rarely a tenth of that behind."""


class RecentFrames:
    """The last frames of a response that are stored, `KEPT_BYTES` of them or a single one: the store has those before.

    `count` is the number of the next.
    """

    def __init__(self) -> None:
        self.count = 0
        self._kept: deque[bytes] = deque()
        self._bytes = 0

    def __repr__(self) -> str:
        return f"RecentFrames({len(self._kept)} of {self.count})"

    def add(self, frames: Iterable[bytes]) -> None:
        for frame in frames:
            self._kept.append(frame)
            self._bytes += len(frame)
            self.count += 1
        while self._bytes > KEPT_BYTES and len(self._kept) > 1:
            self._bytes -= len(self._kept.popleft())

    def since(self, number: int) -> list[bytes] | None:
        """The frames from `number` on; None where some of them are in the store alone."""
        place = number - self.count + len(self._kept)
        return None if place < 0 else [*islice(self._kept, place, None)]


class BackgroundSink:
    """Keeps a response from its beginning on, under a lease of `lease_seconds` that `holder` renews.

    `frames` are those of events that are stored: so whoever resumes, on whichever replica, gets the same bytes.
    `changed` is set when there are more frames than now. A write that says False found the response ended by somebody
    else.
    """

    wants_events = True

    def __init__(
        self,
        store: Store,
        beginning: Beginning | None,
        holder: str,
        lease_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self.frames = RecentFrames()
        self.changed = asyncio.Event()
        self._store = store
        self._beginning = beginning
        self._holder = holder
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._encoder = SSEEncoder()
        self._pending: list[bytes] = []
        self._storing = asyncio.Lock()
        self._over = False

    def __repr__(self) -> str:
        return f"BackgroundSink({self.frames!r}, {len(self._pending)} pending, held by {self._holder})"

    @property
    def pending(self) -> bool:
        """Whether there are events that have not been stored."""
        return bool(self._pending)

    def on_events(self, events: Sequence[AnyEvent]) -> None:
        self._pending += self._encoder.frames(events)

    async def begin(self, recorder: Recorder, queued: Response) -> None:
        """Stores the response before anything is done for it. Raises StoreError."""
        if self._beginning is not None:
            await self._store.create_conversation(self._beginning.conversation, self._beginning.items)
        await self._store.put((await self._held(recorder, queued)).record)

    async def update(self, recorder: Recorder, response: Response) -> bool:
        """Stores how the response stands. Raises StoreError."""
        return await self._store.update((await self._held(recorder, response)).record, self._holder)

    async def flush(self, response_id: str) -> bool:
        """Stores the events that came since, and renews the lease. Raises StoreError."""
        async with self._storing:
            if self._over:
                return True
            frames = list(self._pending)
            until = self._clock() + self._lease_seconds
            ours = await self._store.append_events(
                response_id, self._holder, self.frames.count, b"".join(frames), until
            )
            if ours:
                del self._pending[: len(frames)]
                self._show(frames)
            return ours

    async def keep(self, recording: Recording, events: Sequence[AnyEvent]) -> None:
        """Stores the end of the response with its last events. Raises StoreError."""
        async with self._storing:
            self._over = True
            frames = [*self._pending, *self._encoder.frames(events)]
            if await self._store.update(
                recording.record,
                self._holder,
                named=recording.named,
                appended=recording.appended,
                first=self.frames.count,
                frames=b"".join(frames),
            ):
                self._pending = []
                self._show(frames)

    async def _held(self, recorder: Recorder, response: Response) -> Recording:
        until = self._clock() + self._lease_seconds
        return await recorder.record_aside(response, holder=self._holder, lease_until=until)

    def _show(self, frames: Sequence[bytes]) -> None:
        if frames:
            self.frames.add(frames)
            changed, self.changed = self.changed, asyncio.Event()
            changed.set()
