"""`Drain`: how a process comes to its end, and who is told of it when.

    SERVING ──▶ DRAINING ──▶ CLOSING ──▶ ENDING

DRAINING: readiness says no, while new requests are still served. CLOSING: nothing new is taken; what is under way goes
on. ENDING: the time is over, and whatever still goes on is to fail now, in words that are true. `serving/server.py`
moves from one to the next; whoever holds something for longer than a moment registers to be told.

A turn of any kind (plain, streamed, background, over a WebSocket) is an `Exchange`, and an exchange has a `Turn`, so
that there is one place in which turns end.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections.abc import Callable, Iterator
from copy import copy
from types import TracebackType

from translators.answering.ending import SHUTTING_DOWN
from translators.errors import BridgeError

# Seconds until a client may come again: whoever takes over from this process is ready before this process leaves.
_RETRY_AFTER = "1"
_SAID = "The server is shutting down and could not finish this; send the request again."


class Phase(enum.IntEnum):
    """How far a process has come; each is told apart by order."""

    SERVING = 0
    DRAINING = 1
    CLOSING = 2
    ENDING = 3


class ShuttingDown(BridgeError):
    """The process ends before what was asked of it is done: 503, and another one can be asked at once."""

    status = 503

    def __init__(self, message: str = _SAID) -> None:
        super().__init__(message, code=SHUTTING_DOWN, retry_after=_RETRY_AFTER)


class Drain:
    """The phase of one process, and what is registered to be told of the next."""

    def __init__(self) -> None:
        self.phase = Phase.SERVING
        self.turns: set[Turn] = set()
        """Those that are under way."""
        self._visitors: set[Callable[[], None]] = set()

    def __repr__(self) -> str:
        return f"Drain({self.phase.name}, {len(self.turns)} turns, {len(self._visitors)} visitors)"

    @property
    def serving(self) -> bool:
        """Whether nothing has been said of an end."""
        return self.phase is Phase.SERVING

    @property
    def closing(self) -> bool:
        """Whether nothing new is to begin."""
        return self.phase >= Phase.CLOSING

    def begin(self) -> None:
        """From now on the process is not ready, and serves all the same."""
        self._come_to(Phase.DRAINING)

    def close(self) -> None:
        """Sends visitors away: whoever waits for something that may never come, or that is found elsewhere, too."""
        if self._come_to(Phase.CLOSING):
            for leave in list(self._visitors):
                leave()

    def end(self) -> None:
        """Fails every turn that is under way, and each that begins."""
        self.close()
        if self._come_to(Phase.ENDING):
            for turn in list(self.turns):
                turn.fail(ShuttingDown())

    @contextlib.contextmanager
    def visited(self, leave: Callable[[], None]) -> Iterator[None]:
        """Within the block, `leave` is called once when the process closes, or at once where it does already."""
        self._visitors.add(leave)
        try:
            if self.closing:
                leave()
            yield
        finally:
            self._visitors.discard(leave)

    def _come_to(self, phase: Phase) -> bool:
        """Whether that is news."""
        if self.phase >= phase:
            return False
        self.phase = phase
        return True


class Turn:
    """One turn, which can be ended from outside while it waits for its upstream.

    What it waits for stands in a `with turn:` block, of the task that began it. There it is cancelled, and the block
    raises ShuttingDown in the place of CancelledError. Outside of one nothing is interrupted: what has been made is
    sent and stored as a whole, and the next block raises as soon as it is entered.
    """

    __slots__ = ("_drain", "_error", "_task", "_waits")

    def __init__(self, drain: Drain) -> None:
        self._drain = drain
        self._error: BridgeError | None = None
        self._task: asyncio.Task[object] | None = None
        self._waits = False

    def begin(self) -> None:
        """Counts as under way, until `close`."""
        self._task = asyncio.current_task()
        self._drain.turns.add(self)
        if self._drain.phase is Phase.ENDING:
            self._error = ShuttingDown()

    def close(self) -> None:
        self._drain.turns.discard(self)
        self._task = None

    def fail(self, error: BridgeError) -> None:
        """Ends it with this error, wherever it is."""
        self._error = error
        if self._task is not None and self._waits:
            self._task.cancel()

    def __enter__(self) -> None:
        if self._error is not None:
            raise copy(self._error)
        self._waits = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waits = False
        if self._error is None or self._task is None:
            return
        others = self._task.uncancel()  # those who want it to end as well, and for good
        if isinstance(error, asyncio.CancelledError) and not others:
            raise copy(self._error) from None
