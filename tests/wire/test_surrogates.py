"""Pairs of surrogates that a server cuts between two chunks."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.translation import run_bytes

Json = dict[str, Any]


def spoken(text: str, field: str = "content") -> Json:
    return {"choices": [{"index": 0, "delta": {field: text}}]}


def argued(text: str, index: int = 0) -> Json:
    return {"choices": [{"delta": {"tool_calls": [{"index": index, "function": {"arguments": text}}]}}]}


def begun(index: int = 0) -> Json:
    call = {"index": index, "id": f"c{index}", "type": "function", "function": {"name": "f", "arguments": ""}}
    return {"choices": [{"delta": {"tool_calls": [call]}}]}


STOP: Json = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def said(*chunks: Json, done: bool = True, together: bool = False) -> list[Any]:
    """The texts of the output, from chunks whose halves are escaped one by one."""
    frames = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks]
    frames += [b"data: [DONE]\n\n"] if done else []
    output = run_bytes([b"".join(frames)] if together else frames).response["output"]
    return [item.get("arguments") or (item.get("content") or item["summary"])[0]["text"] for item in output]


@given(st.text(st.sampled_from('aé😀🎉\\"'), min_size=1, max_size=8), st.sets(st.integers(1, 15)), st.booleans())
def test_a_text_in_pieces_is_the_text_wherever_it_is_cut(text: str, cuts: set[int], together: bool) -> None:
    units = text.encode("utf-16-le")
    places = sorted({0, *(cut for cut in cuts if 2 * cut < len(units)), len(units) // 2})
    ends = itertools.pairwise(places)
    pieces = [units[2 * start : 2 * end].decode("utf-16-le", "surrogatepass") for start, end in ends]
    assert said(*map(spoken, pieces), STOP, together=together) == [text]
    assert said(begun(), *map(argued, ['{"', *pieces, '":1}']), STOP, together=together)[0].startswith('{"' + text)


@pytest.mark.parametrize("field", ["content", "reasoning_content"])
@pytest.mark.parametrize("done", [True, False])
def test_a_half_that_stays_alone_is_marked_where_it_stood(field: str, done: bool) -> None:
    assert said(spoken("a\ud83d", field), spoken("b", field), STOP, done=done) == ["a\ufffdb"]
    assert said(spoken("a\ud83d", field), STOP, done=done) == ["a\ufffd"]
    assert said(spoken("a\ud83d", field), spoken("\ud83d", field), spoken("\ude00", field), STOP) == ["a\ufffd😀"]
    assert said(spoken("\ude00", field), STOP) == ["\ufffd"]


def test_halves_of_two_calls_do_not_meet() -> None:
    chunks = [begun(0), begun(1), argued('{"a":"\ud83d', 0), argued('{"b":"\ude00"}', 1), argued('"}', 0), STOP]
    assert said(*chunks) == ['{"a":"\ufffd"}', '{"b":"\ufffd"}']


def test_halves_of_a_thought_and_of_what_is_said_do_not_meet() -> None:
    assert said(spoken("\ud83d", "reasoning_content"), spoken("\ude00"), STOP) == ["\ufffd", "\ufffd"]
