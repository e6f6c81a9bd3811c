"""`python -m benchmarks.compare OLD.json NEW.json`: what became slower between two runs, told by ratios.

A line's ratio is Dragoman's figure over the passthrough's in the same run; where the passthrough has none, over what
that takes for a plain answer, since it says what the machine was worth. Exits with 1 for a regression.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.bench import Sample
from benchmarks.kinds import Line, Row
from benchmarks.report import Medians, Result
from benchmarks.rows import ROWS
from benchmarks.servers import DRAGOMAN, PASSTHROUGH

TOLERANCE = 0.15
# The row and the figure that stand for the machine's speed.
YARDSTICK = ("plain-32", "request_cpu")
# Figures that hold two of the same server against each other: they need no yardstick.
RATIOS = frozenset({"stored_times"})
# Counts, and what an engine's pace decides.
NOT_COMPARED = frozenset({"finished", "elapsed"})

# By the names of rows and of figures.
Told = Mapping[str, Mapping[str, Medians]]


class Saved(msgspec.Struct):
    """What was written of a run: its samples by row and server (`--json`), or its medians (RESULTS.json)."""

    about: str
    versions: dict[str, str]
    rows: dict[str, dict[str, list[Sample | None]]] = {}
    medians: dict[str, dict[str, Medians]] = {}

    def told(self) -> Told:
        """The medians of either."""
        measured = {row.name: Result(row, self.rows[row.name]).medians() for row in ROWS if row.name in self.rows}
        return self.medians | measured


@dataclass(frozen=True)
class Change:
    """A line's ratio before and now; `factor` above 1 means slower or larger."""

    title: str
    old: float
    new: float
    factor: float


def changes(old: Told, new: Told) -> Iterator[Change]:
    """Every line that both runs have."""
    for row in ROWS:
        if row.name not in old or row.name not in new:
            continue
        for line in row.lines:
            before, now = _ratio(row, line, old), _ratio(row, line, new)
            if line.figure not in NOT_COMPARED and before and now and before > 0 and now > 0:
                more_is_better = line.figure.endswith("_rate")
                yield Change(
                    f"{row.title}: {line.label}", before, now, before / now if more_is_better else now / before
                )


def _ratio(row: Row, line: Line, told: Told) -> float | None:
    medians = told[row.name].get(line.figure, _NOTHING)
    figure = medians.figures.get(DRAGOMAN.name)
    if medians.ratio is not None or line.figure in RATIOS:
        return medians.ratio if medians.ratio is not None else figure
    row_name, yardstick = YARDSTICK
    pace = told.get(row_name, {}).get(yardstick, _NOTHING).figures.get(PASSTHROUGH.name)
    if figure is None or pace is None:
        return None
    return figure * pace if line.figure.endswith("_rate") else figure / pace


_NOTHING = Medians({})


def report(found: Sequence[Change], tolerance: float) -> list[str]:
    lines = ["| row | old ratio | new ratio | change | |", "| --- | ---: | ---: | ---: | --- |"]
    for change in found:
        verdict = "worse" if change.factor > 1 + tolerance else "better" if change.factor < 1 / (1 + tolerance) else ""
        lines.append(
            f"| {change.title} | {change.old:.3g} | {change.new:.3g} | {(change.factor - 1) * 100:+.0f} % | {verdict} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description="Compares two runs by ratios.")
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help=f"what is noise (default {TOLERANCE})")
    options = parser.parse_args()
    old, new = (msgspec.json.decode(path.read_bytes(), type=Saved) for path in (options.old, options.new))
    found = list(changes(old.told(), new.told()))
    told = [f"old: {old.about}", f"new: {new.about}", "", *report(found, options.tolerance)]
    sys.stdout.writelines(f"{line}\n" for line in told)
    sys.exit(1 if any(change.factor > 1 + options.tolerance for change in found) else 0)


if __name__ == "__main__":
    main()
