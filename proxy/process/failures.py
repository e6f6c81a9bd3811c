"""`Failures`: what went over its limits lately, so that nobody is made to pay for it again at once.

By owner: what one of them made fail does not fail for another.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from proxy.process.helpers import Reason

_SECONDS = 120.0
_MOST = 4096


class Failures:
    """`clock` gives seconds from any moment on."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._found: OrderedDict[tuple[str, object], tuple[float, Reason]] = OrderedDict()

    def find(self, owner: str, what: object) -> Reason | None:
        until, reason = self._found.get((owner, what), (0.0, None))
        return reason if until > self._clock() else None

    def remember(self, owner: str, what: object, reason: Reason) -> None:
        """A lack of places is none of it: that passes."""
        if reason == "busy":
            return
        self._found[owner, what] = self._clock() + _SECONDS, reason
        self._found.move_to_end((owner, what))
        if len(self._found) > _MOST:
            self._found.popitem(last=False)
