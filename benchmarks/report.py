"""Samples to a Markdown table: medians over rounds, the ratio to the passthrough, and how much of each target is used.

Ratios and verdicts are medians of each round's own: a machine that is half as fast for some rounds changes neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import msgspec

from benchmarks.bench import Sample
from benchmarks.kinds import Line, Row
from benchmarks.servers import DIRECT, DRAGOMAN, PASSTHROUGH
from benchmarks.targets import Figures

NOTHING = "-"
LABEL_WIDTH = 66
_TOLD = 3  # the last columns, which are words
# A rate above this share of the direct one is the upstream's or the load generator's as much as the server's.
CEILING_SHARE = 0.5


class Medians(msgspec.Struct, frozen=True):
    """One line of the table: the figure of each server, and Dragoman's ratio and use of the target (see `Result`)."""

    figures: dict[str, float]
    ratio: float | None = None
    used: float | None = None


@dataclass(frozen=True)
class Result:
    """One row's samples: for each server one a round, None where there was nothing to measure."""

    row: Row
    samples: Mapping[str, Sequence[Sample | None]]

    def values(self, line: Line, server: str) -> list[float | None]:
        """Returns a line's figure in each round."""
        direct = self.samples.get(DIRECT.name, [])
        values: list[float | None] = []
        for turn, sample in enumerate(self.samples.get(server, [])):
            value = None if sample is None else sample.get(line.figure)
            base = direct[turn] if line.added and turn < len(direct) else {}
            less = base.get(line.figure, 0.0) if base else 0.0
            values.append(None if value is None else (value - less) * line.scale)
        return values

    def medians(self) -> dict[str, Medians]:
        """What is told of each line, by the name of its figure."""
        return {
            line.figure: Medians(dict(self.figures(line)), self.ratio(line), self.used(line)) for line in self.row.lines
        }

    def figures(self, line: Line) -> Figures:
        """The median over rounds, for each server that has one."""
        known = {name: [v for v in self.values(line, name) if v is not None] for name in self.samples}
        return {name: median(values) for name, values in known.items() if values}

    def rounds(self, line: Line) -> list[Figures]:
        """The figures of each round by themselves."""
        values = {name: self.values(line, name) for name in self.samples}
        return [
            {name: value for name in values if turn < len(values[name]) and (value := values[name][turn]) is not None}
            for turn in range(max(map(len, values.values()), default=0))
        ]

    def used(self, line: Line) -> float | None:
        """How much of the line's target Dragoman takes: the median of the rounds, as with `ratio`."""
        if line.target is None:
            return None
        used = [part for figures in self.rounds(line) if (part := line.target.used(figures)) is not None]
        return median(used) if used else None

    def ratio(self, line: Line) -> float | None:
        """Dragoman's figure over the passthrough's: the median of each round's own ratio, so that drift cancels."""
        pairs = [(figures.get(DRAGOMAN.name), figures.get(PASSTHROUGH.name, 0)) for figures in self.rounds(line)]
        ratios = [ours / theirs for ours, theirs in pairs if ours is not None and theirs > 0]
        return median(ratios) if ratios else None


class Table:
    """The table's lines, for a set of servers."""

    def __init__(self, servers: Sequence[str]) -> None:
        self._servers = servers
        self._widths = [LABEL_WIDTH, *(max(len(name), 9) for name in servers), 6, 38, 4, 3]

    def head(self) -> list[str]:
        titles = ["row", *self._servers, "ratio", "target", "used", "met"]
        rule = ["-" * width for width in self._widths]
        rule[1:-_TOLD] = ["-" * (width - 1) + ":" for width in self._widths[1:-_TOLD]]
        return [self._join(titles), self._join(rule)]

    def lines(self, row: Row, medians: Mapping[str, Medians]) -> list[str]:
        """Returns the lines of one row; `medians` are by the names of figures."""
        return [self._line(row, line, medians[line.figure]) for line in row.lines if line.figure in medians]

    def _line(self, row: Row, line: Line, medians: Medians) -> str:
        figures = medians.figures
        shown = [_number(figures.get(name) if _is_shown(line, name) else None, line.digits) for name in self._servers]
        told = _told(line, figures, medians.used)
        return self._join([f"{row.title}: {line.label}", *shown, _number(medians.ratio, 2), *told])

    def _join(self, cells: Sequence[str]) -> str:
        numbers = range(1, len(cells) - _TOLD)
        placed = enumerate(zip(cells, self._widths, strict=True))
        aligned = [cell.rjust(width) if at in numbers else cell.ljust(width) for at, (cell, width) in placed]
        return f"| {' | '.join(aligned)} |"


def notes(result: Result) -> list[str]:
    """What a reader must know of a row: requests that failed, deltas that went missing, and a ceiling that was near."""
    return [*_failures(result), *_missing_frames(result), *_ceilings(result)]


def summary(results: Sequence[Result]) -> str:
    verdicts = [_is_met(result.used(line)) for result in results for line in result.row.lines if line.target]
    return f"targets: {verdicts.count(True)} met, {verdicts.count(False)} missed, {verdicts.count(None)} not measured"


def _failures(result: Result) -> list[str]:
    told = []
    for name, samples in result.samples.items():
        failed = sum(sample.get("failed", 0) for sample in samples if sample)
        finished = sum(sample.get("finished", 0) for sample in samples if sample)
        if failed:
            told.append(f"{result.row.name}: {name}: {failed:.0f} of {failed + finished:.0f} requests failed")
    return told


def _missing_frames(result: Result) -> list[str]:
    told = []
    for name, samples in result.samples.items():
        least = min((sample["chunk_frames"] for sample in samples if sample and "chunk_frames" in sample), default=1.0)
        if least < 1:
            told.append(f"{result.row.name}: {name}: {least:.2f} frames a chunk, so it joins or loses deltas")
    return told


def _ceilings(result: Result) -> list[str]:
    told = []
    for line in (line for line in result.row.lines if line.figure.endswith("_rate")):
        figures = dict(result.figures(line))
        ceiling = figures.pop(DIRECT.name, None)
        near = [name for name, rate in figures.items() if ceiling and rate > CEILING_SHARE * ceiling]
        if near:
            told.append(f"{result.row.name}: {line.label} of {', '.join(near)} is above half of the direct ceiling")
    return told


def _told(line: Line, figures: Figures, used: float | None) -> tuple[str, str, str]:
    """Of a line's target: what it allows, as the medians have it, how much of that is used, and the verdict."""
    if line.target is None:
        return NOTHING, NOTHING, NOTHING
    limit = line.target.limit(figures)
    sign = "≥" if line.target.at_least else "≤"
    shown = NOTHING if limit is None else f"{sign} {_number(limit, line.digits)}"
    verdict = {None: NOTHING, True: "yes", False: "NO"}[_is_met(used)]
    return f"{shown} ({line.target.text})", _number(used, 2), verdict


def _is_met(used: float | None) -> bool | None:
    return None if used is None else used <= 1


def _is_shown(line: Line, server: str) -> bool:
    # What going direct adds to itself is nothing.
    return not (line.added and server == DIRECT.name)


def _number(value: float | None, digits: int) -> str:
    return NOTHING if value is None else f"{value:,.{digits}f}"
