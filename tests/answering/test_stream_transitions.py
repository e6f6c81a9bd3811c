"""The order of events, cell by cell: what is open, what comes next, which events that gives."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.translation import SIMPLE, Json, Run

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
    "call": [CALL],
}

CLOSE_TEXT = ["output_text.done", "content_part.done"]
CLOSE_REFUSAL = ["refusal.done", "content_part.done"]
CLOSE_REASONING = ["reasoning_text.done", "content_part.done"]
ITEM_DONE = ["output_item.done"]
OPEN_TEXT = ["content_part.added", "output_text.delta"]
OPEN_REFUSAL = ["content_part.added", "refusal.delta"]
OPEN_REASONING = ["output_item.added", "content_part.added", "reasoning_text.delta"]
OPEN_ANNOTATION = ["content_part.added", "output_text.annotation.added"]
OPEN_CALL = ["output_item.added", "function_call_arguments.delta"]
ITEM = ["output_item.added"]

TABLE: dict[tuple[str, str], tuple[Json, list[str]]] = {
    ("nothing", "text"): (TEXT, ITEM + OPEN_TEXT),
    ("nothing", "refusal"): (REFUSAL, ITEM + OPEN_REFUSAL),
    ("nothing", "reasoning"): (REASONING, OPEN_REASONING),
    ("nothing", "annotation"): (ANNOTATION, ITEM + OPEN_ANNOTATION),
    ("nothing", "call"): (CALL, OPEN_CALL),
    ("text", "text"): (TEXT, ["output_text.delta"]),
    ("text", "refusal"): (REFUSAL, CLOSE_TEXT + OPEN_REFUSAL),
    ("text", "reasoning"): (REASONING, CLOSE_TEXT + ITEM_DONE + OPEN_REASONING),
    ("text", "annotation"): (ANNOTATION, ["output_text.annotation.added"]),
    ("text", "call"): (CALL, CLOSE_TEXT + ITEM_DONE + OPEN_CALL),
    ("refusal", "text"): (TEXT, CLOSE_REFUSAL + OPEN_TEXT),
    ("refusal", "refusal"): (REFUSAL, ["refusal.delta"]),
    ("refusal", "reasoning"): (REASONING, CLOSE_REFUSAL + ITEM_DONE + OPEN_REASONING),
    ("refusal", "annotation"): (ANNOTATION, CLOSE_REFUSAL + OPEN_ANNOTATION),
    ("refusal", "call"): (CALL, CLOSE_REFUSAL + ITEM_DONE + OPEN_CALL),
    ("reasoning", "text"): (TEXT, CLOSE_REASONING + ITEM_DONE + ITEM + OPEN_TEXT),
    ("reasoning", "refusal"): (REFUSAL, CLOSE_REASONING + ITEM_DONE + ITEM + OPEN_REFUSAL),
    ("reasoning", "reasoning"): (REASONING, ["reasoning_text.delta"]),
    ("reasoning", "annotation"): (ANNOTATION, CLOSE_REASONING + ITEM_DONE + ITEM + OPEN_ANNOTATION),
    ("reasoning", "call"): (CALL, CLOSE_REASONING + ITEM_DONE + OPEN_CALL),
    # A call stays open to the end: its arguments may come interleaved with anything.
    ("call", "text"): (TEXT, ITEM + OPEN_TEXT),
    ("call", "refusal"): (REFUSAL, ITEM + OPEN_REFUSAL),
    ("call", "reasoning"): (REASONING, OPEN_REASONING),
    ("call", "annotation"): (ANNOTATION, ITEM + OPEN_ANNOTATION),
    ("call", "call"): (OTHER_CALL, OPEN_CALL),
    ("call", "arguments"): (MORE, ["function_call_arguments.delta"]),
}

CLOSING: dict[str, list[str]] = {
    "nothing": [],
    "text": CLOSE_TEXT + ITEM_DONE,
    "refusal": CLOSE_REFUSAL + ITEM_DONE,
    "reasoning": CLOSE_REASONING + ITEM_DONE,
    "call": ["function_call_arguments.done", *ITEM_DONE],
}
# How it ends → the last chunk, the terminal event, whether calls that are not whole are done.
ENDINGS: dict[str, tuple[Json, str]] = {
    "stop": ({"choices": [{"delta": {}, "finish_reason": "stop"}]}, "completed"),
    "length": ({"choices": [{"delta": {}, "finish_reason": "length"}]}, "incomplete"),
    "filter": ({"choices": [{"delta": {}, "finish_reason": "content_filter"}]}, "incomplete"),
    "error": ({"error": {"message": "broken"}}, "failed"),
}


def chunk(delta: Json) -> Json:
    return {"choices": [{"delta": delta}]}


def names(events: list[Any]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


@pytest.mark.parametrize(("state", "next_"), TABLE, ids="-".join)
def test_transition(state: str, next_: str) -> None:
    delta, expected = TABLE[state, next_]
    opening = [chunk(each) for each in OPEN[state]]
    before = len(Run().feed(*opening).frames)
    one = Run().feed(*opening, chunk(delta))
    one.finish()
    events = one.result().events
    assert names(events[before : before + len(expected)]) == expected


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("ending", ENDINGS)
def test_ending(state: str, ending: str) -> None:
    last, terminal = ENDINGS[ending]
    opening = [chunk(each) for each in OPEN[state]]
    before = len(Run().feed(*opening).frames)
    events = Run(SIMPLE).feed(*opening, last).finish().events
    closing = CLOSING[state]
    if state == "call":  # `{` breaks off: the length limit ended the answer, whatever it says, and no call is done
        closing, terminal = [], "failed" if terminal == "failed" else "incomplete"
    assert names(events[before:]) == [*closing, terminal]


@pytest.mark.parametrize("state", OPEN)
def test_the_upstream_breaks_off(state: str) -> None:
    events = Run().feed(*[chunk(each) for each in OPEN[state]]).finish(said_done=False).events
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["error"]["code"] == "server_error"


def test_every_cell_is_in_the_table() -> None:
    nexts = {"text", "refusal", "reasoning", "annotation", "call"}
    assert set(TABLE) == {(state, next_) for state in OPEN for next_ in nexts} | {("call", "arguments")}
