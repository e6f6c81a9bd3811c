"""`aside(size, work, …)`: work on what a client sent, in a thread where that is long.

A thread has the interpreter's lock for a millisecond at a time, but for single calls of C, so that streams go on beside
a request of tens of megabytes: whoever is called from here takes that in slices. To a short request the way to a thread
and back would cost more than it saves.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

LONG_BYTES = 1 << 20
"""From here on reading and translating take five milliseconds or more."""


SWITCH_SECONDS = 0.001
"""How long a thread keeps the interpreter's lock while the event loop waits for it, which it does each time that it has
looked for what arrived. In Python's own 5 ms a loop serves a hundred streams."""


def let_the_loop_in() -> None:
    """To be called once, by a process that serves."""
    sys.setswitchinterval(SWITCH_SECONDS)


async def aside(size: int, work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """The result of `work`, which must not need the event loop; `size` is how many bytes it is about."""
    if size < LONG_BYTES:
        return work(*arguments, **options)
    return await asyncio.to_thread(work, *arguments, **options)
