"""`WaitingBytes`: what a process holds of bodies that are still arriving and of WebSocket messages that wait, together.

Each has a limit of its own; a few hundred of the largest would take all memory all the same.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from translators.errors import BridgeError


class WaitingBytes:
    """Counts the bytes of all that wait; `limit` is how many there may be.

    Over the limit those are refused that hold more than an equal share of it: so a few senders of large bodies that
    never end cannot keep others from sending, and little more than twice the limit is ever held.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0
        self.shares = 0

    def __repr__(self) -> str:
        return f"WaitingBytes({self.bytes} of {self.limit}, {self.shares} shares)"


class Share:
    """What one sender has waiting; `with` lets go of it."""

    def __init__(self, waiting: WaitingBytes) -> None:
        self._waiting = waiting
        self._bytes = 0

    @property
    def is_over(self) -> bool:
        """Whether too much waits, and more than an equal share of that is this sender's."""
        waiting = self._waiting
        return waiting.bytes > waiting.limit and self._bytes * waiting.shares > waiting.limit

    def add(self, count: int) -> None:
        """Counts bytes that have come; a negative `count` is of those that wait no more."""
        had = self._bytes > 0
        self._bytes += count
        self._waiting.bytes += count
        self._waiting.shares += (self._bytes > 0) - had

    def check(self) -> None:
        """Raises BridgeError (503) where this sender has to come again later."""
        if self.is_over:
            limit = self._waiting.limit
            message = f"More than {limit} bytes of requests wait in this process (server.max_waiting_bytes)."
            raise BridgeError(message, status=503, code="server_overloaded", retry_after="5")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.add(-self._bytes)
