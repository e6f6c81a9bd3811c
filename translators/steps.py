"""Work that takes long in steps: `step()` stands between two, and lets whoever runs it give way to others there.

By itself it does nothing. A shell that runs the work beside an event loop says in `GIVE_WAY` how to wait for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

GIVE_WAY: ContextVar[Callable[[], None] | None] = ContextVar("give_way", default=None)
MANY = 64
"""Items that are looked at one by one within a step: a millisecond or two."""


def step() -> None:
    """Ends a step of a few milliseconds at most."""
    give_way = GIVE_WAY.get()
    if give_way is not None:
        give_way()


def in_steps(items: Sequence[T]) -> Iterator[T]:
    """The same items, with a step behind every so many."""
    for start in range(0, len(items), MANY):
        yield from items[start : start + MANY]
        if start + MANY < len(items):
            step()
