"""The watchdog of the event loop: what it measures, what it tells, and how often."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest

from proxy.process import watchdog as module
from proxy.process.watchdog import LoopLag, Watchdog


def page(lag: LoopLag) -> dict[str, float]:
    lines = (line.rpartition(" ") for line in lag.lines("7") if not line.startswith("#"))
    return {name.replace('{process="7",', "{").replace('{process="7"}', ""): float(value) for name, _, value in lines}


def test_lags_are_a_histogram_and_the_worst_of_the_last_while() -> None:
    lag = LoopLag()
    for seconds, now in ((0.0, 100.0), (0.05, 110.0), (3.0, 120.0)):
        lag.observe(seconds, now)
    told = page(lag)
    name = "dragoman_event_loop_lag_seconds"
    assert told[f'{name}_bucket{{le="0.001"}}'] == 1
    assert told[f'{name}_bucket{{le="0.05"}}'] == 2
    assert told[f'{name}_bucket{{le="+Inf"}}'] == told[f"{name}_count"] == 3
    assert told[f"{name}_sum"] == pytest.approx(3.05)
    assert told[f"{name}_max"] == 3
    lag.observe(0.5, 170.0)
    assert page(lag)[f"{name}_max"] == 3
    lag.observe(0.25, 240.0)
    assert page(lag)[f"{name}_max"] == 0.5


def test_a_late_loop_is_told_with_what_ran_and_not_too_often(caplog: pytest.LogCaptureFixture) -> None:
    dog = Watchdog(LoopLag(), 0.25)
    for number in range(5):
        dog.look(sys._getframe(), now=1.0 + number)
        dog.measured(0.3, now=1.0 + number)
    dog.measured(0.1, now=20.0)
    dog.measured(0.3, now=30.0)
    first, second = caplog.records
    assert (first.message, first.__dict__["seconds"]) == ("the event loop was held up", 0.3)
    assert first.__dict__["ran"].startswith(
        "tests.process.test_watchdog:test_a_late_loop_is_told_with_what_ran_and_not_too_often < "
    )
    assert "not_told" not in first.__dict__
    assert (second.__dict__["not_told"], second.__dict__["ran"]) == (4, "unknown")


def test_a_loop_in_time_is_not_looked_at_closely() -> None:
    dog = Watchdog(LoopLag(), 0.25)
    dog.look(sys._getframe(), now=0.2)
    assert dog._seen == []


async def test_it_sees_what_holds_the_loop_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.001)
    looked = threading.Event()
    dog = Watchdog(LoopLag(), 0.0)
    look = dog.look

    def noting(frame: object, now: float) -> None:
        look(frame, now)  # type: ignore[arg-type]
        if any("holds_up" in each for each in dog._seen):
            looked.set()

    def holds_up() -> None:
        assert looked.wait(30)

    monkeypatch.setattr(dog, "look", noting)
    dog.start()
    try:
        holds_up()
        while not any("holds_up" in record.__dict__["ran"] for record in caplog.records):
            dog._told_at = float("-inf")
            await asyncio.sleep(0)
    finally:
        dog.stop()
