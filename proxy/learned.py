"""`Learned`: what upstreams refused in this process's life, so that they are not asked the same way again."""

from __future__ import annotations

import logging

from proxy.routing import Route
from translators.dialects import Dialect
from translators.learned import Lesson

_log = logging.getLogger(__name__)

MAX_REMEMBERED = 1000


class Learned:
    """Dialects by upstream, model and preset, in place of those that were chosen.

    What a preset was taught says nothing of another that is chosen in its place.
    """

    def __init__(self) -> None:
        self._dialects: dict[tuple[str, str, str], Dialect] = {}

    def dialect(self, route: Route) -> Dialect:
        return self._dialects.get(_key(route), route.dialect) if self._dialects else route.dialect

    def remember(self, route: Route, lesson: Lesson) -> None:
        if len(self._dialects) >= MAX_REMEMBERED:
            self._dialects.clear()
        self._dialects[_key(route)] = lesson.dialect
        _log.warning(
            "upstream refused a part of the request; it is left out from now on",
            extra={"upstream": route.upstream_name, "model": route.model, "refused": lesson.about},
        )


def _key(route: Route) -> tuple[str, str, str]:
    return route.upstream_name, route.model, route.dialect.name
