"""`preload()`: the libraries that some requests need and no start does, loaded when the server is at work.

Each is imported where it is used; by then it is here, so that no request waits for it.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable

# Media at addresses, compressed request bodies.
PRELOADED = ("httpx2", "brotli", "zstandard")
# Whoever waits for the server, and what waits for it by then, goes first.
_PAUSE_SECONDS = 0.2


async def preload(*more: Callable[[], Awaitable[None]]) -> None:
    """The libraries, then `more` of what need not be there at the start."""
    await asyncio.sleep(_PAUSE_SECONDS)
    for name in PRELOADED:
        await asyncio.to_thread(importlib.import_module, name)
    for each in more:
        await each()
