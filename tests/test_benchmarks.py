"""The benchmarks' arithmetic, and one small run; what they measure is measured by running them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec
import pytest

from benchmarks.bench import Bench, Sample
from benchmarks.compare import Change, Saved, Told, changes, report
from benchmarks.histogram import percentiles
from benchmarks.kinds import Form, LoopRow
from benchmarks.neighbour import NEIGHBOURS
from benchmarks.neighbours import NeighboursRow
from benchmarks.report import Result, Table, summary
from benchmarks.results import FILE
from benchmarks.rows import ROWS
from benchmarks.run import Run
from benchmarks.servers import DIRECT, DRAGOMAN, PASSTHROUGH
from benchmarks.targets import Figures, Target, constant, passthrough

Rows = Mapping[str, Mapping[str, Sequence[Sample | None]]]


def rows(*, passthrough: float, dragoman: float, rate: float = 1000.0, kept: float = 0.0002) -> Rows:
    """A run's samples, in seconds of processor time for a plain answer."""
    return {
        "plain-32": {
            "direct": [{"request_cpu": 0.00003, "request_rate": 20000.0, "whole_p50": 0.001, "whole_p99": 0.002}],
            "passthrough": [{"request_cpu": passthrough, "request_rate": 2000.0, "whole_p50": 0.01, "whole_p99": 0.02}],
            "dragoman": [{"request_cpu": dragoman, "request_rate": rate, "whole_p50": 0.02, "whole_p99": 0.03}],
        },
        "store-sqlite": {"direct": [None], "passthrough": [None], "dragoman": [{"added_cpu": kept}]},
    }


def factors(old: Rows, new: Rows) -> dict[str, float]:
    return {change.title.partition(": ")[2]: round(change.factor, 6) for change in changes(told(old), told(new))}


def told(samples: Rows) -> Told:
    return {row.name: Result(row, samples[row.name]).medians() for row in ROWS if row.name in samples}


def test_a_slower_machine_is_no_regression() -> None:
    old = rows(passthrough=0.0004, dragoman=0.0006, kept=0.0002)
    new = rows(passthrough=0.0008, dragoman=0.0012, kept=0.0004)
    found = factors(old, new)
    assert found["CPU per request, ms"] == 1
    assert found["added CPU, ms"] == 1, "held against the passthrough's plain answer, where it has no figure itself"


def test_a_regression_is_told() -> None:
    old, new = rows(passthrough=0.0004, dragoman=0.0004), rows(passthrough=0.0004, dragoman=0.0006, rate=500.0)
    found = factors(old, new)
    assert found["CPU per request, ms"] == 1.5
    assert found["requests/s"] == 2, "a lower rate is worse"
    shown = report(list(changes(told(old), told(new))), tolerance=0.15)
    assert sum("worse" in line for line in shown) == 2
    assert report([Change("x", 1.0, 0.5, 0.5)], 0.15)[-1].endswith("| better |")


def test_rows_that_one_run_lacks_are_left_out() -> None:
    old = rows(passthrough=0.0004, dragoman=0.0004)
    assert not factors(old, {})
    assert "added CPU, ms" not in factors(old, {"plain-32": old["plain-32"]})


def test_a_run_is_read_back() -> None:
    measured = rows(passthrough=0.0004, dragoman=0.0004)
    results = [Result(row, measured[row.name]) for row in ROWS if row.name in measured]
    run = Run("here", [], results, complete=True)
    samples, medians = (msgspec.json.decode(json, type=Saved) for json in (run.samples(), run.medians()))
    assert (samples.about, samples.rows) == (medians.about, measured) == ("here", measured)
    assert samples.told() == medians.told() == told(measured), "a run is compared by its medians, however it was kept"


def test_what_is_a_ratio_already_needs_no_yardstick() -> None:
    old, new = ({"stored": {"dragoman": [{"stored_times": times}]}} for times in (1.5, 1.8))
    assert factors(old, new) == {"times one that is not": 1.2}


def test_the_results_of_the_repository_are_read_back() -> None:
    """So that later runs can be compared with them."""
    saved = msgspec.json.decode(FILE.with_suffix(".json").read_bytes(), type=Saved)
    assert saved.medians
    assert not saved.rows, "every sample of a run is more than a repository needs"
    text = FILE.read_text()
    table = Table(list(saved.versions))
    rows = [row for row in ROWS if row.name in saved.medians]
    for line in [*table.head(), *(line for row in rows for line in table.lines(row, saved.medians[row.name]))]:
        assert f"{line}\n" in text


def test_what_nobody_timed_has_no_percentile() -> None:
    """A proxy that joins all the deltas of a call leaves no gaps between them."""
    assert percentiles(first=({500: 1, 1000: 1}, 50), last=({500: 1, 1000: 1}, 99), gap=({}, 99)) == {
        "first": 0.001001,
        "last": 0.002001,
    }


def test_a_line_tells_whether_its_target_is_met() -> None:
    (row,) = (row for row in ROWS if row.name == "store-sqlite")
    for kept, verdict in ((0.0002, "yes"), (0.0004, "NO")):
        result = Result(row, rows(passthrough=0.0004, dragoman=0.0004, kept=kept)["store-sqlite"])
        (line,) = Table(["direct", "passthrough", "dragoman"]).lines(row, result.medians())
        assert line.endswith(f"| {verdict.ljust(3)} |")
        assert summary([result]).startswith("targets: 1 met" if verdict == "yes" else "targets: 0 met, 1 missed")


def plain(*rounds: tuple[float, float]) -> Result:
    """Of rounds in which the passthrough and Dragoman took so many seconds of processor time for a plain answer."""
    (row,) = (row for row in ROWS if row.name == "plain-32")
    servers = ("passthrough", "dragoman")
    return Result(row, {name: [{"request_cpu": one[at]} for one in rounds] for at, name in enumerate(servers)})


def test_a_target_is_met_in_rounds_and_not_in_medians() -> None:
    """Dragoman is faster in each round; the machine was slower when it happened to be measured."""
    result = plain((0.0001, 0.00009), (0.0001, 0.00009), (0.0003, 0.0002), (0.0001, 0.0002), (0.0003, 0.0002))
    (line,) = (line for line in result.row.lines if line.figure == "request_cpu")
    assert result.figures(line)["dragoman"] > result.figures(line)["passthrough"]
    assert round(result.used(line) or 0, 2) == 0.9


@pytest.mark.parametrize(
    ("target", "figures", "used"),
    [
        (Target("", (constant(4),)), {"dragoman": 2.0}, 0.5),
        (Target("", (constant(4),), at_least=True), {"dragoman": 2.0}, 2.0),
        (Target("", (constant(4),), at_least=True), {"dragoman": 0.0}, math.inf),
        (Target("", (passthrough(),)), {"dragoman": -1.0, "passthrough": 0.0}, 0.0),
        (Target("", (passthrough(),)), {"dragoman": 1.0, "passthrough": -1.0}, math.inf),
        (Target("", (passthrough(),)), {"dragoman": 1.0}, None),
        (Target("", (constant(4),)), {}, None),
    ],
)
def test_how_much_of_a_target_is_used(target: Target, figures: Figures, used: float | None) -> None:
    assert target.used(figures) == used


def test_rows_have_names_of_their_own() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("transport", ["native", "httpx"])
def test_each_transport_has_its_rows(transport: str) -> None:
    found = [row for row in ROWS if isinstance(row, LoopRow) and row.transport == transport]
    assert {row.chunks > 0 for row in found} == {True, False}


def test_streams_are_timed_beside_each_neighbour() -> None:
    """A small run of the real row: every neighbour is answered as it should be, and every stream finishes."""
    (whole,) = (row for row in ROWS if isinstance(row, NeighboursRow))
    row = replace(whole, streams=20, short_seconds=1.0, ramp=0.1, settle=0.1, scale=0.02)
    form = Form(rounds=1, seconds=0.1, long=False, named=True)
    assert row.rounds(form) == 1
    assert whole.rounds(replace(form, named=False)) == 0, "a minute is not for everybody's short run"
    with Bench(upstream_processes=1, load_processes=1) as bench:
        direct, dragoman = (row.sample(bench, server, form, 0) for server in (DIRECT, DRAGOMAN))
        assert row.sample(bench, PASSTHROUGH, form, 0) is None
    assert direct is not None
    assert dragoman is not None
    assert (dragoman["finished"], dragoman["failed"]) == (20 * (1 + len(NEIGHBOURS)), 0)
    figures = {line.figure for line in row.lines}
    assert figures <= dragoman.keys()
    assert figures & direct.keys() == {"nobody_p99", "nobody_max"}
