"""`EagerSend`: does at once what can be done without waiting, outside of any task.

Most sends only append to a buffer. Where one has to wait, for a client that does not read, a task does the rest.

A coroutine is a generator that a loop steps: `send(None)` runs it to its next wait, which it gives to the loop, or to
its end. So whoever holds it can take the first step at once. An `EagerSend` is at one of three points:

| point | `send` has given | what follows |
|---|---|---|
| idle | `_DONE` | the next awaitable may come, and runs up to its end or its first wait |
| waiting | what it waits for | nothing else may be sent before the `_Rest` has been awaited, by a task, to its end |
| over | an error, raised | nothing: the one that raised it is the last |
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any, NoReturn

_DONE = object()


class EagerSend:
    """Runs one awaitable after the other, as far as it comes.

    All in one coroutine, which never ends: to be told of the end of one by `StopIteration` costs as much as sending a
    chunk. It ends with what one of them raises, and takes no more then.
    """

    __slots__ = ("_steps",)

    def __init__(self) -> None:
        self._steps = _run_all()
        self._steps.send(None)

    def __repr__(self) -> str:
        if inspect.getcoroutinestate(self._steps) == inspect.CORO_CLOSED:
            return "EagerSend(over)"
        awaited: Any = getattr(self._steps, "cr_await", None)
        return f"EagerSend({'idle' if getattr(awaited, 'gi_code', None) is _take.__code__ else 'waiting'})"

    def __call__(self, awaitable: Awaitable[None]) -> Awaitable[None] | None:
        """What is left to be awaited before the next, if anything is. Raises what the awaitable raises."""
        waited_for = self._steps.send(awaitable)
        return None if waited_for is _DONE else _Rest(waited_for, self._steps)


async def _run_all() -> NoReturn:
    while True:
        await (await _take())


@types.coroutine
def _take() -> Generator[object, Awaitable[None], Awaitable[None]]:
    return (yield _DONE)


class _Rest:
    """Goes on where `EagerSend` had to stop: as if the task that awaits it had come that far itself."""

    def __init__(self, waited_for: object, steps: Coroutine[object, Any, NoReturn]) -> None:
        self._waited_for = waited_for
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, None]:
        waited_for, steps = self._waited_for, self._steps
        while waited_for is not _DONE:
            try:
                yield waited_for
            except BaseException as error:  # for what is awaited, which raises it again or goes on
                waited_for = steps.throw(error)
            else:
                waited_for = steps.send(None)
