"""`Outcome`: how one scenario went with one client; and the tables of many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

PASSED, FAILED, ABSENT = "✓", "✗", "·"


@dataclass(frozen=True)
class Outcome:
    client: str
    scenario: str
    complaint: str | None

    @property
    def mark(self) -> str:
        return PASSED if self.complaint is None else FAILED


def matrix(rows: Mapping[str, str], columns: Mapping[str, str], outcomes: Iterable[Outcome]) -> str:
    """A table in Markdown; `rows` and `columns` give the titles by key. What was not tried gets a dash."""
    marks = {(outcome.client, outcome.scenario): outcome.mark for outcome in outcomes}
    lines = [["client", *columns.values()], ["---", *(":-:" for _ in columns)]]
    lines += [[title, *(marks.get((row, column), ABSENT) for column in columns)] for row, title in rows.items()]
    return table(lines)


def table(lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
