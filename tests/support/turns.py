"""`turns_until(reached)`: lets the event loop turn until something is so; `hearing()`: what is logged meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator


async def turns_until(reached: Callable[[], bool]) -> None:
    for _ in range(100_000):
        if reached():
            return
        await asyncio.sleep(0)
    raise AssertionError("it does not come to that")


@contextlib.contextmanager
def hearing() -> Iterator[list[logging.LogRecord]]:
    """What is logged from here: a server that starts takes the handlers of others away."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign, assignment]
    logging.getLogger("proxy").addHandler(handler)
    logging.getLogger("uvicorn").addHandler(handler)
    yield records
    logging.getLogger("proxy").removeHandler(handler)
    logging.getLogger("uvicorn").removeHandler(handler)
