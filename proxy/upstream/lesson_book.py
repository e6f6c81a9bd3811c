"""`LessonBook`: what upstreams refused in this process's life, so that they are not asked the same way again.

A lesson is kept by whoever has seen the same request succeed without the thing, and for a time: a backend may be
updated. Where callers send keys of their own, a lesson is for its caller alone, since an account may refuse more than
another.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable

from msgspec import Struct

from proxy.callers import Caller
from proxy.upstream.plan import Route
from translators.dialects import Dialect
from translators.recovery.lessons import Lesson

_log = logging.getLogger(__name__)

MAX_REMEMBERED = 1000

_Key = tuple[str, str, str, str]


class _Kept(Struct, frozen=True):
    dialect: Dialect
    about: tuple[str, ...]
    until: float


class LessonBook:
    """Dialects by upstream, model, preset and whose key is sent, in place of those that were chosen.

    What a preset was taught says nothing of another that is chosen in its place. `clock` gives seconds that never go
    back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept: dict[_Key, _Kept] = {}  # the oldest first
        self._clock = clock

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{upstream} without {about}: {count}" for (upstream, about), count in self.in_force().items()
        )
        return f"LessonBook({shown})"

    def dialect(self, route: Route, caller: Caller) -> Dialect:
        if not self._kept:
            return route.dialect
        kept = self._in_force(_key(route, caller))
        return route.dialect if kept is None else kept.dialect

    def remember(self, route: Route, caller: Caller, lesson: Lesson) -> None:
        """What a request has proved."""
        seconds = route.upstream.lesson_seconds
        if not seconds:
            return
        key = _key(route, caller)
        before = self._in_force(key)
        about, dialect = ((), route.dialect) if before is None else (before.about, before.dialect)
        self._kept.pop(key, None)
        if len(self._kept) >= MAX_REMEMBERED:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = _Kept(lesson.taught(dialect), tuple({*about, lesson.about}), self._clock() + seconds)
        _log.warning(
            "upstream refused a part of the request, and took it without: left out from now on",
            extra={
                "upstream": route.upstream_name,
                "model": route.model,
                "refused": lesson.about,
                "seconds": f"{seconds:g}",
            },
        )

    def in_force(self) -> Counter[tuple[str, ...]]:
        """How many lessons there are, by upstream and what they are about."""
        now = self._clock()
        return Counter((key[0], about) for key, kept in self._kept.items() if kept.until > now for about in kept.about)

    def _in_force(self, key: _Key) -> _Kept | None:
        kept = self._kept.get(key)
        if kept is not None and kept.until <= self._clock():
            del self._kept[key]
            return None
        return kept


def _key(route: Route, caller: Caller) -> _Key:
    whose = caller.owner if route.upstream.pass_client_key else ""
    return route.upstream_name, route.model, route.dialect.name, whose
