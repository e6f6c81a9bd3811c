"""`run_ahead(awaitable)`: does at once what can be done without waiting, outside of any task.

Most sends only append to a buffer. Where one has to wait, for a client that does not read, a task does the rest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Any


def run_ahead(awaitable: Awaitable[None]) -> Awaitable[None] | None:
    """What is left to be awaited, if anything is. Raises what the awaitable raises."""
    steps = awaitable.__await__()
    try:
        waited_for = next(steps)
    except StopIteration:
        return None
    return _Rest(waited_for, steps)


class _Rest:
    """Goes on where `run_ahead` had to stop: as if the task that awaits it had come that far itself."""

    def __init__(self, waited_for: object, steps: Generator[Any, Any, None]) -> None:
        self._waited_for = waited_for
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, None]:
        waited_for, steps = self._waited_for, self._steps
        try:
            while True:
                try:
                    yield waited_for
                except BaseException as error:
                    waited_for = steps.throw(error)
                else:
                    waited_for = next(steps)
        except StopIteration:
            return
