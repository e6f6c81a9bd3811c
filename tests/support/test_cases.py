"""The fixtures are whole: each says where it is from, asks something valid and holds an answer of its stated kind."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.cases import FIXTURES, Case, read_cases
from tests.support.strict_chat import check_chat_request
from translators.dialects import PRESETS

CASES = read_cases()
each_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def test_every_recorded_answer_is_a_case() -> None:
    assert [case.name for case in CASES] == sorted(path.parent.name for path in FIXTURES.glob("*/upstream.*"))


@each_case
def test_a_case_says_where_it_is_from(case: Case) -> None:
    origin = "made" if case.meta.made else case.meta.backend
    assert case.name.startswith(f"{origin}-")
    assert case.meta.made == (case.meta.source is not None)
    assert case.meta.made == (case.meta.date is None)
    assert case.meta.headers["content-type"].startswith("text/event-stream" if case.streamed else "application/json")


@each_case
def test_the_requests_are_valid(case: Case) -> None:
    request = json.loads(case.request)
    assert {"model", "input"} <= request.keys()
    assert case.streamed <= request.get("stream", False)
    if not case.meta.made and not case.meta.answer_only:
        own = {PRESETS[case.meta.dialect].reasoning_field}
        check_chat_request(json.loads((case.path / "chat_request.json").read_bytes()), extra=own)


@each_case
def test_the_answer_is_what_its_kind_says(case: Case) -> None:
    if not case.streamed:
        assert isinstance(json.loads(case.upstream), dict)
        return
    assert case.meta.status == 200
    # Frames end in a blank line; a line that begins with a colon is a comment.
    assert case.upstream.endswith(b"\n\n")
    for line in filter(None, re.split(rb"\r\n|\r|\n", case.upstream)):
        data = line.removeprefix(b"data: ")
        assert line.startswith(b":") or data == b"[DONE]" or isinstance(json.loads(data), dict)
