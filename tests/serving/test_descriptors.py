"""A process takes no more connections than its file descriptors are enough for."""

from __future__ import annotations

import pytest

from proxy.serving import descriptors
from proxy.serving.connections import ConnectionLimits
from proxy.serving.descriptors import within_descriptors


class System:
    """The system's limits, soft and hard."""

    RLIMIT_NOFILE = 7
    RLIM_INFINITY = -1

    def __init__(self, soft: int, hard: int) -> None:
        self.limits = (soft, hard)

    def getrlimit(self, which: int) -> tuple[int, int]:
        return self.limits

    def setrlimit(self, which: int, limits: tuple[int, int]) -> None:
        self.limits = limits


@pytest.mark.parametrize(
    ("soft", "hard", "then", "possible"),
    [
        (1024, 1 << 20, 2127, 1000),
        (1024, -1, 2127, 1000),
        (-1, -1, -1, 1000),
        (9000, 9000, 9000, 1000),
        (256, 1024, 1024, 464),
        (20, 20, 20, 1),
    ],
)
def test_as_many_as_are_needed_and_may_be(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, then: int, possible: int
) -> None:
    system = System(soft, hard)
    monkeypatch.setattr(descriptors, "resource", system)
    limits = within_descriptors(ConnectionLimits(connections=1000, head_bytes=5000))
    assert (limits.connections, limits.head_bytes) == (possible, 5000)
    assert system.limits == (then, hard)
