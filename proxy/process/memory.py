"""What a serving process asks of its garbage collector and its allocator."""

from __future__ import annotations

import gc
import sys

# As many new containers as six thousand streams have.
_THRESHOLDS = (1_000_000, 20, 20)
_KEPT_BYTES = 16 << 20
# The numbers of glibc's `mallopt(3)`.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def settle_memory() -> None:
    """To be called once, by the process that serves, when everything that stays has been made."""
    _spare_the_collector()
    _keep_freed_memory()


def _spare_the_collector() -> None:
    """Requests make many small objects and no cycle.

    What is there already is never looked at again, and new objects are looked at less often: of the cost of
    a stream's chunk, a sixth was collecting, and a thousand streams that began within two seconds waited for 90 ms
    while they were looked at, and for twice as long until what had arrived meanwhile was done. Their memory does not
    change by it: cycles, which only a collection frees, are left by no request (`tests/process/test_memory.py`).
    Collecting once more before would take 20 ms and find nothing.
    """
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)


def _keep_freed_memory() -> None:
    """Memory that was freed is kept for the next request, up to a limit, where the C library can be told.

    glibc gives it back to the system and asks for it again: of the cost of a request of a megabyte, an eighth was the
    system's handing out and clearing the same pages.
    """
    if sys.platform != "linux":
        return
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
