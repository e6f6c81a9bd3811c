"""The order of events, cell by cell: what is open, what comes next, which events that gives."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.translation import SIMPLE, Json, Run
from translators.answering.states import CLOSING, ENDINGS, TRANSITIONS

TEXT: Json = {"content": "a"}
REFUSAL: Json = {"refusal": "no"}
REASONING: Json = {"reasoning_content": "hm"}
ANNOTATION: Json = {"annotations": [{"type": "url_citation", "url_citation": {"url": "u", "title": "t"}}]}
CALL: Json = {"tool_calls": [{"index": 0, "id": "c0", "function": {"name": "f", "arguments": "{"}}]}
MORE: Json = {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}
OTHER_CALL: Json = {"tool_calls": [{"index": 1, "id": "c1", "function": {"name": "g", "arguments": "{"}}]}

# What is open → the deltas that open it.
OPEN: dict[str, list[Json]] = {
    "nothing": [],
    "text": [TEXT],
    "refusal": [REFUSAL],
    "reasoning": [REASONING],
    "call": [CALL, MORE],
    "cut call": [CALL],
}

# What comes next, and what ends an answer → the chunk that says so.
NEXT: dict[str, Json] = {
    "text": TEXT,
    "refusal": REFUSAL,
    "reasoning": REASONING,
    "annotation": ANNOTATION,
    "call": CALL,
    "arguments": MORE,
}
LAST: dict[str, Json] = {
    "stop": {"choices": [{"delta": {}, "finish_reason": "stop"}]},
    "length": {"choices": [{"delta": {}, "finish_reason": "length"}]},
    "filter": {"choices": [{"delta": {}, "finish_reason": "content_filter"}]},
    "error": {"error": {"message": "broken"}},
}


def chunk(delta: Json) -> Json:
    return {"choices": [{"delta": delta}]}


def names(events: list[Any]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


@pytest.mark.parametrize(("state", "next_"), TRANSITIONS, ids="-".join)
def test_transition(state: str, next_: str) -> None:
    delta = OTHER_CALL if (state, next_) == ("call", "call") else NEXT[next_]
    expected = list(TRANSITIONS[state, next_])
    opening = [chunk(each) for each in OPEN[state]]
    before = len(Run().feed(*opening).frames)
    one = Run().feed(*opening, chunk(delta))
    one.finish()
    events = one.result().events
    assert names(events[before : before + len(expected)]) == expected


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("ending", LAST)
def test_ending(state: str, ending: str) -> None:
    opening = [chunk(each) for each in OPEN[state]]
    before = len(Run().feed(*opening).frames)
    events = Run(SIMPLE).feed(*opening, LAST[ending]).finish().events
    terminal = ENDINGS[ending]
    if state == "cut call" and terminal == "completed":
        terminal = "incomplete"  # the length limit ended the answer, whatever it says
    assert names(events[before:]) == [*CLOSING[state if ending != "error" or state != "call" else "cut call"], terminal]


@pytest.mark.parametrize("state", OPEN)
def test_the_upstream_breaks_off(state: str) -> None:
    events = Run().feed(*[chunk(each) for each in OPEN[state]]).finish(said_done=False).events
    assert events[-1]["type"] == f"response.{ENDINGS['breaks off']}"
    assert events[-1]["response"]["error"]["code"] == "server_error"


def test_every_cell_is_in_the_tables() -> None:
    states = OPEN.keys() - {"cut call"}
    nexts = NEXT.keys() - {"arguments"}
    assert set(TRANSITIONS) == {(state, next_) for state in states for next_ in nexts} | {("call", "arguments")}
    assert set(CLOSING) == set(OPEN)
    assert set(ENDINGS) == {*LAST, "breaks off"}
