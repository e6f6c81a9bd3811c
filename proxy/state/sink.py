"""`Keeper`: where a response goes. A background run is one of its own; `Foreground` is for all others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from proxy.state.recording import Recording
from proxy.store import Store
from translators.schema.events import AnyEvent
from translators.wire.sse import SSEEncoder


class Keeper(Protocol):
    """Gets events as they come, if it `wants_events` them, and the whole when it has ended, with the last of them."""

    wants_events: bool

    def on_events(self, events: Sequence[AnyEvent]) -> None: ...

    async def keep(self, recording: Recording, events: Sequence[AnyEvent]) -> None:
        """Raises StoreError."""


class Foreground:
    """Keeps a response that somebody waits for, which is not there before it has ended, and its events if told to."""

    def __init__(self, store: Store, *, with_events: bool) -> None:
        self._store = store
        self.wants_events = with_events
        self._encoder = SSEEncoder()
        self._frames: list[bytes] = []

    def on_events(self, events: Sequence[AnyEvent]) -> None:
        self._frames += self._encoder.frames(events)

    async def keep(self, recording: Recording, events: Sequence[AnyEvent]) -> None:
        if self.wants_events:
            self.on_events(events)
        await self._store.put(recording.record, recording.named, recording.appended, b"".join(self._frames))
