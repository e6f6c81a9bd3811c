"""`Health`: in which condition each upstream is, by the calls to it alone: nothing is asked for its sake.

A condition is told, in the metrics; no request goes elsewhere for it, as long as a model has one target.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

Failure = Literal["timeout", "unreachable", "broken"]
"""No status came in time, or none at all; or the answer broke off, or was none."""
LEFT = "left"
"""Stands for a status where the client left before there was one."""
_NEITHER = frozenset({LEFT, "429"})  # these tell nothing of whether an upstream works


class Condition:
    """That of one upstream.

    `under_way` are the calls that have begun and not ended; `failures` how many of the last ones failed in a row: with
    a status of 5xx, or with none. `ends` counts all, by the HTTP status, or what stands for one.
    """

    __slots__ = ("ends", "failures", "under_way")

    def __init__(self) -> None:
        self.under_way = 0
        self.failures = 0
        self.ends: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"Condition({self.under_way} under way, {self.failures} failed in a row)"

    def begin(self) -> None:
        self.under_way += 1

    def end(self, code: str) -> None:
        """Once for each call that began."""
        self.under_way -= 1
        self.ends[code] += 1
        if code == "200":
            self.failures = 0
        elif code not in _NEITHER:
            worked = code.isdigit() and code < "500"
            self.failures = 0 if worked else self.failures + 1


class Health(Mapping[str, Condition]):
    """The condition of every upstream, by its name."""

    def __init__(self, upstreams: Iterable[str]) -> None:
        self._conditions = {name: Condition() for name in upstreams}

    def __getitem__(self, name: str) -> Condition:
        return self._conditions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._conditions)

    def __len__(self) -> int:
        return len(self._conditions)
