"""`Turns`: a number of places that many owners want, given to each owner in turn.

No owner has all places while there are several, so that what one of them keeps busy for long never keeps the others
waiting. Who waits does so in a queue with a limit, of which one owner may take half.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque


class Busy(Exception):
    """No place came free in time, or too many wait already."""


class Turns:
    """`max_waiting` is how many may wait together, `wait_seconds` for how long."""

    def __init__(self, places: int, *, max_waiting: int, wait_seconds: float) -> None:
        self._free = places
        self._most = max(1, places - 1)
        self._max_waiting = max_waiting
        self._wait_seconds = wait_seconds
        self._taken: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def waiting(self) -> int:
        return sum(map(len, self._waiting.values()))

    async def take(self, owner: str) -> None:
        """Raises Busy."""
        if self._free and self._taken[owner] < self._most:
            self._grant(owner)
            return
        if self.waiting >= self._max_waiting or len(self._waiting.get(owner, ())) >= max(1, self._max_waiting // 2):
            raise Busy
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        try:
            async with asyncio.timeout(self._wait_seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():  # it came in the same moment
                self.give_back(owner)
            else:
                self._forget(owner, turn)
            if isinstance(error, TimeoutError):
                raise Busy from None
            raise

    def give_back(self, owner: str) -> None:
        self._free += 1
        self._taken[owner] -= 1
        if not self._taken[owner]:
            del self._taken[owner]
        for found, queue in self._waiting.items():
            # One that is done has been cancelled in this very moment, and goes by itself.
            turn = next((each for each in queue if not each.done()), None)
            if turn is not None and self._taken[found] < self._most:
                break
        else:
            return
        self._waiting.move_to_end(found)  # whoever has got one goes behind the others
        self._forget(found, turn)
        self._grant(found)
        turn.set_result(None)

    def _grant(self, owner: str) -> None:
        self._free -= 1
        self._taken[owner] += 1

    def _forget(self, owner: str, turn: asyncio.Future[None]) -> None:
        queue = self._waiting[owner]
        queue.remove(turn)
        if not queue:
            del self._waiting[owner]
