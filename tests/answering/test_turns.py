"""What follows an answer (`turns.after`), and responses made of several answers (S1, S2, S16)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import chat_streams
from tests.support.translation import Json, Run, translate
from translators.answering.ending import COMPLETED, CUT_BY_LENGTH, FAILED, FILTERED, SPOILT, Ending
from translators.answering.states import LIFE, Life
from translators.answering.turns import (
    NEVER_AGAIN,
    STANDS,
    TOOL_RETRIES,
    Again,
    EndedAnswer,
    Fault,
    Limits,
    after,
)
from translators.asking.tail import RejectedCall
from translators.errors import UpstreamError
from translators.tools import ToolName

LETTERS: Json = {
    "type": "custom",
    "name": "letters",
    "format": {"type": "grammar", "syntax": "regex", "definition": "[a-z]+"},
}
LOOK: Json = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
FIRE: Json = {**LOOK, "name": "fire"}
REQUEST: Json = {"model": "m", "input": "go", "tools": [LETTERS, LOOK, FIRE]}
ONLY_LOOK: Json = {
    **REQUEST,
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "look"}]},
}


def chunk(finish: str | None = None, **delta: Any) -> Json:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call(name: str, arguments: str = "{}", index: int = 0, **extra: Any) -> Json:
    function = {"name": name, "arguments": arguments}
    return chunk(tool_calls=[{"index": index, "id": f"c{index}", "type": "function", "function": function, **extra}])


# --- one answer ----------------------------------------------------------------------------------

WRONG = RejectedCall("c1", ToolName("letters", None, "custom"), "{}", "no letter")
FORBIDDEN = RejectedCall("c2", ToolName("fire"), "{}", None, allowed=False)
BROKEN = UpstreamError("broken")
ALL = Limits.of(grammar_retries=1, empty_retries=1)


def ended(ending: Ending | None = COMPLETED, *rejected: RejectedCall, **fields: Any) -> EndedAnswer:
    return EndedAnswer(ending, rejected=rejected, **fields)


@pytest.mark.parametrize("answer", [ended(), ended(CUT_BY_LENGTH), ended(FILTERED), ended(CUT_BY_LENGTH, silent=True)])
def test_an_answer_stands(answer: EndedAnswer) -> None:
    assert after(answer, ALL) is STANDS


@pytest.mark.parametrize("answer", [ended(None, fault=BROKEN), ended(FAILED, fault=BROKEN, silent=True)])
def test_a_fault_fails_the_response(answer: EndedAnswer) -> None:
    assert after(answer, ALL) == Fault(BROKEN)


@pytest.mark.parametrize(
    ("answer", "param", "limit"),
    [
        (ended(COMPLETED, WRONG), "tools", "grammar"),
        (ended(COMPLETED, WRONG, FORBIDDEN), "tools", "grammar"),
        (ended(COMPLETED, FORBIDDEN, fault=BROKEN), "tool_choice", "tool"),
        (ended(silent=True), "input", "empty"),
        (ended(SPOILT, silent=True, fault=BROKEN), "input", "empty"),
    ],
)
def test_each_reason_has_a_limit_of_its_own_that_counts_down(answer: EndedAnswer, param: str, limit: str) -> None:
    limits = Limits.of(grammar_retries=2, empty_retries=2)
    for left in (1, 0):
        follows = after(answer, limits)
        assert isinstance(follows, Again)
        assert follows.adaptation.param == param
        assert follows.limits == msgspec.structs.replace(limits, **{limit: left})
        limits = follows.limits
    assert TOOL_RETRIES == 2
    assert not isinstance(after(answer, limits), Again)
    assert not isinstance(after(answer, limits.spent()), Again)


def test_an_empty_answer_stands_only_where_nobody_may_ask_again() -> None:
    assert after(ended(silent=True), NEVER_AGAIN) is STANDS
    assert after(ended(silent=True), Limits.of(grammar_retries=9, empty_retries=0)) is STANDS
    follows = after(ended(silent=True), ALL.spent())
    assert isinstance(follows, Fault)
    assert follows.error.code == "empty_answer"


def test_a_wrong_call_stands_in_the_end_for_its_client_to_say_what_is_wrong() -> None:
    assert after(ended(COMPLETED, WRONG), ALL.spent()) is STANDS


# --- a response of several answers ---------------------------------------------------------------


def ask(run: Run, limits: Limits, *, said_done: bool = True) -> Again | None:
    """Ends the answer as the shell does; what is to be asked again."""
    run.flush()
    while checks := run.stream.checks(all_arrived=True):
        run.judge([["no letter" if "1" in reading else None for reading in check.readings] for check in checks])
    answer = run.stream.end_answer(said_done=said_done)
    follows = None if answer is None else after(answer, limits)
    return follows if isinstance(follows, Again) else None


MADE_TO_BE_ASKED_AGAIN: list[list[Json]] = [
    [chunk("stop")],
    [chunk(reasoning_content="hm"), chunk("stop")],
    [chunk(reasoning_content="hm"), chunk(content="Wait."), call("letters", '{"input":"1"}'), chunk("tool_calls")],
    [call("fire"), chunk("tool_calls")],
    [call("fire", "?"), call("look", '{"a"', 1), chunk("tool_calls")],
    [chunk(content=" "), call("letters", '{"input":"1"}'), call("letters", '{"input":"ab"}', 1), chunk("tool_calls")],
    [chunk("malformed_function_call")],
]


@given(
    st.lists(st.one_of(st.sampled_from(MADE_TO_BE_ASKED_AGAIN), chat_streams()), min_size=1, max_size=5),
    st.sampled_from([REQUEST, ONLY_LOOK]),
    st.booleans(),
    st.booleans(),
)
def test_s16_a_response_of_several_answers_is_one(
    answers: list[list[Json]], request_: Json, said_done: bool, fails: bool
) -> None:
    run, limits = Run(request_), Limits(3, 3, 3, empty_stands=False)
    asked = 0
    for chunks in answers:
        run.feed(*chunks)
        run.keep_alive()
        again = ask(run, limits, said_done=said_done)
        if again is None:
            break
        limits = again.limits
        run.stream.begin_answer(translate(request_))
        asked += 1
    result = run.fail(UpstreamError("gone")) if fails else run.finish(said_done=said_done)
    kinds = [event["type"] for event in result.events]
    assert [event["sequence_number"] for event in result.events] == list(range(len(kinds)))
    assert kinds.count("response.created") == 1
    assert sum(kinds.count(f"response.{end}") for end in ("completed", "incomplete", "failed")) == 1
    assert asked <= len(answers)
    assert run.stream.life is Life.ENDED


def test_what_was_said_before_stays_and_all_tokens_are_counted() -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}
    run = Run(ONLY_LOOK).feed(chunk(reasoning_content="hm"), chunk(content="Wait."), call("fire"), chunk("stop"), usage)
    again = ask(run, ALL)
    assert again is not None
    run.stream.begin_answer(translate(ONLY_LOOK))
    result = run.feed(chunk(content="No."), chunk("stop"), usage).finish()
    assert [item["type"] for item in result.response["output"]] == ["reasoning", "message", "message"]
    assert [item["phase"] for item in result.response["output"][1:]] == ["commentary", "final_answer"]
    assert result.response["usage"]["total_tokens"] == 10


def test_a_fault_beside_rejected_calls_is_the_answers_own() -> None:
    run = Run(ONLY_LOOK).feed(call("fire"), chunk("tool_calls"))
    assert ask(run, ALL.spent()) is None
    assert run.finish().response["error"]["code"] == "tool_not_allowed"


BROKEN_CHUNK: Json = {"error": {"message": "The GPU fell out."}}


@given(
    st.lists(st.sampled_from([{"choices": []}, chunk(content=" "), chunk(content="late"), BROKEN_CHUNK]), max_size=3),
    st.booleans(),
)
def test_an_answer_that_failed_before_it_said_anything_leaves_its_place_to_another(
    after_it: list[Json], moves: bool
) -> None:
    run = Run(REQUEST).feed(chunk(role="assistant", content=""), BROKEN_CHUNK, *after_it)
    assert (run.stream.life, run.stream.waits) == (Life.BETWEEN, True)
    assert run.stream.failure is not None
    if not moves:
        assert run.finish().response["error"]["message"] == "The GPU fell out."
        return
    run.stream.begin_answer(translate(REQUEST))
    assert not run.stream.waits
    result = run.feed(chunk(content="Yes."), chunk("stop")).finish()
    assert result.response["status"] == "completed"
    assert [item["type"] for item in result.response["output"]] == ["message"]


def test_where_nobody_counts_each_answer_is_estimated_but_for_one_that_failed_at_once() -> None:
    said = [chunk(content="Yes."), chunk("stop")]
    once = Run(ONLY_LOOK).feed(*said).finish().response["usage"]["input_tokens"]
    failed = Run(ONLY_LOOK).feed(BROKEN_CHUNK)
    failed.stream.begin_answer(translate(ONLY_LOOK))
    assert failed.feed(*said).finish().response["usage"]["input_tokens"] == once
    held = Run(ONLY_LOOK).feed(call("fire"), chunk("tool_calls"))
    assert ask(held, ALL) is not None
    held.stream.begin_answer(translate(ONLY_LOOK))
    assert held.feed(*said).finish().response["usage"]["input_tokens"] == 2 * once


def test_one_that_has_said_something_fails_the_response() -> None:
    run = Run(REQUEST).feed(chunk(content="Yes"), BROKEN_CHUNK)
    assert run.stream.life is Life.ENDED
    assert run.result().response["status"] == "failed"


# --- the states ----------------------------------------------------------------------------------

STEPS: dict[str, Any] = {
    "begin_answer": lambda run: run.stream.begin_answer(translate(REQUEST)),
    "feed": lambda run: run.feed(chunk(content="a")),
    "end_answer": lambda run: run.stream.end_answer(said_done=True),
    "keep_alive": lambda run: run.keep_alive(),
    "finish": lambda run: run.finish(),
    "fail": lambda run: run.fail(UpstreamError("no")),
}


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=12))
def test_a_response_lives_as_the_table_says(steps: list[str]) -> None:
    run = Run(REQUEST)
    for step in steps:
        after_it = LIFE.get((run.stream.life, step))
        if after_it is None:
            continue
        STEPS[step](run)
        assert run.stream.life is after_it, step
        assert after_it.value in repr(run.stream)
    if run.stream.life is not Life.ENDED:
        run.finish()
    assert {step for _, step in LIFE} - STEPS.keys() == {"start", "end_without_output"}
