"""`Slots`: how many may do something at once. Who finds no slot waits, and gets one in turn.

A semaphore of the standard library is the same, with eight calls for a request that need not wait.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Slots:
    """`free` are those that nobody has; while there are any, nobody waits. Who takes one counts it down."""

    __slots__ = ("_waiting", "free")

    def __init__(self, count: int) -> None:
        self.free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    def __repr__(self) -> str:
        return f"Slots({self.free} free, {len(self._waiting)} waiting)"

    async def wait(self) -> None:
        """Takes the next slot that is given back, behind those who wait already."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back()  # it came in the same moment
            elif turn in self._waiting:  # nobody has passed it over yet
                self._waiting.remove(turn)
            raise

    def give_back(self) -> None:
        """Hands a slot to whoever has waited longest, if anybody has."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1
