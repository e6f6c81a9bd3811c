"""`Signals`: SIGTERM, SIGINT and SIGHUP of this process, noted wherever they strike; and workers born without them.

Nothing is interrupted. Whoever waits asks or is told: by a function, by `take`, or by a socket that becomes readable.
SIGHUP, which by default ends a process without a word, asks for nothing here.
"""

from __future__ import annotations

import contextlib
import signal
import socket
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import FrameType
from typing import Any, Self

STOPS = frozenset({signal.SIGTERM, signal.SIGINT})
_HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
HANGUP_IGNORED = "SIGHUP is ignored: a changed configuration needs a restart, and SIGTERM ends the server"


class Signals:
    """A context: within it the three have no other effect than to be noted. `ignored` are not even that."""

    def __init__(self, ignored: frozenset[signal.Signals] = frozenset()) -> None:
        self.stopped = False
        """Whether SIGTERM or SIGINT has been received."""
        self._ignored = ignored
        self._received: deque[signal.Signals] = deque()
        self._hear: Callable[[signal.Signals], None] | None = None
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)

    def __enter__(self) -> Self:
        self._before = {
            number: signal.signal(number, signal.SIG_IGN if number in self._ignored else self._note)
            for number in _HEARD
        }
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)  # see `held_back`
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._woken.close()
        self._waker.close()

    def fileno(self) -> int:
        """Readable when there is something to `take`."""
        return self._woken.fileno()

    def take(self) -> list[signal.Signals]:
        """Those received since the last time."""
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(64):
                pass
        return [self._received.popleft() for _ in range(len(self._received))]

    @contextlib.contextmanager
    def told_to(self, hear: Callable[[signal.Signals], None]) -> Iterator[None]:
        """Within the block, each is handed to `hear`, between any two steps of the main thread; those not yet taken
        first."""
        self._hear = hear
        try:
            for number in self.take():
                hear(number)
            yield
        finally:
            self._hear = None

    def wait_for(self, future: Future[Any]) -> None:
        """Until the future is done or a stop was received."""
        future.add_done_callback(lambda _: self._wake())
        self._woken.setblocking(True)
        try:
            while not (future.done() or self.stopped):
                self._woken.recv(1)
        finally:
            self._woken.setblocking(False)

    def _note(self, number: int, frame: FrameType | None) -> None:
        received = signal.Signals(number)
        self.stopped = self.stopped or received in STOPS
        if self._hear is not None:
            self._hear(received)
        else:
            self._received.append(received)
            self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: it is awake already; closed: nobody waits any more
            self._waker.send(b"\0")


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Signals wait until the block is left. A process born in it has them wait until it enters `Signals`: a terminal
    signals the whole group, and what is still loading would end with a traceback."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
