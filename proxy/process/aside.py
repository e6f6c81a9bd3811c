"""`aside(size, work, …)`: work on what a client sent, in a thread where that is long.

A thread has the interpreter's lock for five milliseconds at a time, but for single calls of C, so that streams go on
beside a request of tens of megabytes: what holds them up then is the one decoding of its JSON. To a short request the
way to a thread and back would cost more than it saves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

LONG_BYTES = 1 << 20
"""From here on reading and translating take five milliseconds or more."""


async def aside(size: int, work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """The result of `work`, which must not need the event loop; `size` is how many bytes it is about."""
    if size < LONG_BYTES:
        return work(*arguments, **options)
    return await asyncio.to_thread(work, *arguments, **options)
