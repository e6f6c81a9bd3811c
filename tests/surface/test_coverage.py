"""docs/coverage.md says what the code does, row by row, and leaves nothing of the API out."""

from __future__ import annotations

import pytest

from tests.surface.answer_notes import NOTES as NOTES_OF_ANSWERS
from tests.surface.answers import UNKNOWN, answer_rows
from tests.surface.notes import DONE_BY_THE_SHELL, NOTES
from tests.surface.outcome import NAMES, Row, rows
from tests.surface.page import page
from tests.surface.place import COVERAGE
from translators.kinds import KINDS
from translators.schema.chat import BESIDE
from translators.schema.responses import ResponsesRequest


def test_the_page_is_what_the_code_gives() -> None:
    assert COVERAGE.read_text() == page(), "run `make coverage` and read the difference"


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: f"{row.section}: {row.name}")
def test_nothing_vanishes(row: Row) -> None:
    """What has no trace in any request must be done by the shell, or it is lost in silence."""
    assert row.outcome != "unsaid"


def test_the_names_hold_what_the_code_knows() -> None:
    extra = {"presence_penalty", "frequency_penalty", "multi_agent", "client_metadata"}
    assert set(ResponsesRequest.__struct_fields__) - extra <= set(NAMES["parameters"])
    assert set(KINDS.items) - {"agent_message", "compaction_summary"} == set(NAMES["input items"])
    assert set(KINDS.forms) - {"computer_use"} == set(NAMES["tools"])


# Metadata of every chunk, whose names say what they are.
EVERYWHERE = frozenset({"id", "created", "system_fingerprint", "obfuscation", "provider"})


def test_of_an_answer_only_what_says_nothing_of_it_is_left_out() -> None:
    beside = frozenset().union(*BESIDE.values()) | EVERYWHERE
    for row in answer_rows():
        if row.level != "error" and row.outcome == "left out":
            assert row.name in beside or NOTES_OF_ANSWERS[row.level].get(row.name), row
        assert row.name != UNKNOWN or row.outcome == "reported" or row.level == "error"


def test_notes_are_of_names() -> None:
    for section, names in NAMES.items():
        assert {*NOTES[section], *DONE_BY_THE_SHELL.get(section, {})} <= set(names)
