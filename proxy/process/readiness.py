"""`Readiness`: whether this process should be sent requests, for `GET /readyz`.

It is asked by whoever can reach the port and as often as they like, so that the store is asked one question at a time,
once a second at most. A process that drains is not ready whatever the store says (`proxy/process/drain.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from proxy.store import Store, StoreError

KNOWN_SECONDS = 1.0
# Kubernetes gives a probe one second unless told otherwise, load balancers a few.
PATIENCE_SECONDS = 2.0
SILENT = "the store does not answer"


class Readiness:
    """`clock` gives Unix seconds."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._asking: asyncio.Task[str | None] | None = None
        self._asked_at = float("-inf")

    async def reason(self) -> str | None:
        """Why not, in a few words that name nothing secret; None where the process is ready."""
        loop = asyncio.get_running_loop()
        if self._asking is None or (self._asking.done() and loop.time() - self._asked_at >= KNOWN_SECONDS):
            self._asked_at = loop.time()
            self._asking = loop.create_task(self._ask())
        asking = self._asking  # who comes next may put the question anew before this one goes on
        done, _ = await asyncio.wait([asking], timeout=PATIENCE_SECONDS)
        return asking.result() if done else SILENT

    async def _ask(self) -> str | None:
        try:
            await self._store.probe(self._clock())
        except StoreError as error:
            return error.reason
        return None

    async def aclose(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
