"""`Watchdog`: how late the event loop is, and what ran while it was.

Whatever an event loop does, all streams wait for it. A timer on the loop measures by how much it is late itself; a
thread, which is only late with the interpreter's lock, looks at what the loop's thread does meanwhile. Ten wakings a
second of each cost a few hundredths of a percent of a core. What is told are names of functions, no data.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from types import FrameType

_log = logging.getLogger(__name__)

BEAT_SECONDS = 0.1
_TELL_SECONDS = 10.0  # between two lines of the log
_RECENT_SECONDS = 60.0
_DEEPEST = 12  # functions told, the innermost first
_BOUNDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class LoopLag:
    """What was measured, as metrics: a histogram, and the worst of the last minute or two."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_BOUNDS) + 1)
        self._sum = 0.0
        self._since = 0.0
        self._worst = self._worst_before = 0.0

    def observe(self, lag: float, now: float) -> None:
        self._counts[bisect_left(_BOUNDS, lag)] += 1
        self._sum += lag
        if now - self._since > _RECENT_SECONDS:
            self._since, self._worst_before, self._worst = now, self._worst, 0.0
        self._worst = max(self._worst, lag)

    def lines(self, process: str) -> Iterator[str]:
        if not any(self._counts):
            return
        name = "dragoman_event_loop_lag_seconds"
        yield f"# HELP {name} By how much the event loop was late, looked at ten times a second."
        yield f"# TYPE {name} histogram"
        total = 0
        for bound, count in zip((*map(str, _BOUNDS), "+Inf"), self._counts, strict=True):
            total += count
            yield f'{name}_bucket{{process="{process}",le="{bound}"}} {total}'
        yield f'{name}_sum{{process="{process}"}} {self._sum:.6f}'
        yield f'{name}_count{{process="{process}"}} {total}'
        yield "# HELP dragoman_event_loop_lag_seconds_max By how much it was late at most, in the last minute or two."
        yield "# TYPE dragoman_event_loop_lag_seconds_max gauge"
        yield f'dragoman_event_loop_lag_seconds_max{{process="{process}"}} {max(self._worst, self._worst_before):.6f}'


class Watchdog:
    """Of the loop that runs `start`; `slow_seconds` is from which lag on it is told in the log."""

    def __init__(self, lag: LoopLag, slow_seconds: float) -> None:
        self._lag = lag
        self._slow = slow_seconds
        self._stopped = threading.Event()
        self._due = 0.0
        self._seen: list[str] = []  # what ran when the thread last found the loop late
        self._told_at = -_TELL_SECONDS
        self._untold = 0
        self._timer: asyncio.TimerHandle | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._beat_again(loop)
        watched = threading.get_ident()
        self._thread = threading.Thread(target=self._look, args=(watched,), name="watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is not None:
            self._thread.join()

    def _beat_again(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = time.monotonic() + BEAT_SECONDS
        self._timer = loop.call_later(BEAT_SECONDS, self._beat, loop)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        now = time.monotonic()
        self.measured(max(0.0, now - self._due), now)
        self._beat_again(loop)

    def measured(self, lag: float, now: float) -> None:
        self._lag.observe(lag, now)
        seen, self._seen = self._seen, []
        if lag < self._slow:
            return
        if now - self._told_at < _TELL_SECONDS:
            self._untold += 1
            return
        more = {"not_told": self._untold} if self._untold else {}
        self._told_at, self._untold = now, 0
        ran = " < ".join(seen) or "unknown"
        _log.warning("the event loop was held up", extra={"seconds": round(lag, 3), "ran": ran, **more})

    def _look(self, watched: int) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            self.look(sys._current_frames().get(watched), time.monotonic())

    def look(self, frame: FrameType | None, now: float) -> None:
        """Remembers what runs in the loop's thread, if the loop is late by now: the last of such looks counts."""
        if now - self._due >= self._slow:
            self._seen = list(_functions(frame))


def _functions(frame: FrameType | None) -> Iterator[str]:
    for _ in range(_DEEPEST):
        if frame is None:
            return
        yield f"{frame.f_globals.get('__name__', '?')}:{frame.f_code.co_qualname}"
        frame = frame.f_back
