"""`aside(size, work, …)`: work on what a client sent, in a thread where that is long.

A thread has the interpreter's lock for a millisecond at a time, but for single calls of C, so that streams go on beside
a request of tens of megabytes: whoever is called from here takes that in slices, and the loop has a turn between two of
them (`translators/steps.py`). To a short request the way to a thread and back would cost more than it saves.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from translators.steps import GIVE_WAY

P = ParamSpec("P")
T = TypeVar("T")

LONG_BYTES = 1 << 20
"""From here on reading and translating take five milliseconds or more."""


SWITCH_SECONDS = 0.001
"""How long a thread keeps the interpreter's lock while the event loop waits for it, which it does each time that it has
looked for what arrived. In Python's own 5 ms a loop serves a hundred streams."""


_MOST_SECONDS = 1.0  # a turn of the loop takes a hundredth of that; a loop that stops takes none


def let_the_loop_in() -> None:
    """To be called once, by a process that serves."""
    sys.setswitchinterval(SWITCH_SECONDS)


async def aside(size: int, work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """The result of `work`, which must not need the event loop; `size` is how many bytes it is about."""
    if size < LONG_BYTES:
        return work(*arguments, **options)
    return await in_thread(work, *arguments, **options)


async def in_thread(work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """The result of `work`, which gives way between its steps: the event loop has a turn behind each."""
    loop = asyncio.get_running_loop()

    def give_way() -> None:
        turned = threading.Event()
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(turned.set)
            turned.wait(_MOST_SECONDS)

    def in_steps() -> T:
        GIVE_WAY.set(give_way)  # in a context of its own
        return work(*arguments, **options)

    return await asyncio.to_thread(in_steps)
