"""Calls of an answer: cut ones, ids that come twice, white space around them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.drive import GREP, WEATHER, Answer, Json, answer, arguments, call, delta
from tests.support.translation import without_ids

EVAL: Json = {
    "type": "function",
    "name": "eval",
    "parameters": {"type": "object", "properties": {"a": {}}, "required": ["a"]},
}
TOOLS: Json = {
    "tools": [
        EVAL,
        WEATHER,
        GREP,
        {"type": "local_shell"},
        {"type": "apply_patch"},
        {"type": "tool_search", "execution": "client"},
    ]
}


def used(tokens: int) -> Json:
    return {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": 1 + tokens}}


def both(name: str, text: str, *, finish: str = "tool_calls", tokens: int | None = None, **request: Any) -> Answer:
    """The answer in pieces, which is the same as in one chunk and as a whole answer."""
    usage = [] if tokens is None else [used(tokens)]
    pieces = answer({**TOOLS, **request}, call(text[:1], name), *map(arguments, text[1:]), delta(finish), *usage)
    once = answer({**TOOLS, **request}, call(text, name, finish=finish), *usage)
    function = {"name": name, "arguments": text}
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_0", "type": "function", "function": function}],
    }
    one: Json = {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}
    whole = answer({**TOOLS, **request}, one | (usage[0] if usage else {}) | {"choices": one["choices"]})
    assert without_ids(pieces.response) == without_ids(once.response) == without_ids(whole.response)
    return pieces


def is_cut(found: Answer) -> None:
    assert found.response["status"] == "incomplete"
    assert found.response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert found.done_items == []
    assert all(item["status"] == "incomplete" for item in found.output)


WHOLE = '{"a": "r\\u00e9m \\ud83d\\ude00", "b": [1, {"c": null}], "d": -2.5}'


# --- C3: what was cut is never done ------------------------------------------------------------------------


@pytest.mark.parametrize("finish", ["tool_calls", "stop", "MAX_TOKENS", "function_call", "who_knows"])
@pytest.mark.parametrize("end", range(1, len(WHOLE)))
def test_c3_a_call_that_breaks_off_anywhere_is_cut(end: int, finish: str) -> None:
    is_cut(answer(TOOLS, call(WHOLE[:end], "eval"), delta(finish)))


@pytest.mark.parametrize("end", [1, 8, len(WHOLE) - 1])
def test_c3_in_one_piece_in_many_or_as_a_whole_answer(end: int) -> None:
    is_cut(both("eval", WHOLE[:end]))
    is_cut(both("eval", "```json\n" + WHOLE[:end]))
    assert both("eval", WHOLE).response["status"] == "completed"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("grep", '{"input": "rm -rf bu'),
        ("grep", '{"input": "rm'),
        ("grep", '{"inp'),
        ("local_shell", '{"command": ["rm", "-rf", "/ho'),
        ("apply_patch", '{"operation": {"type": "create_file", "path": "a", "diff": "+a'),
        ("tool_search", '{"query": "a'),
    ],
)
def test_c3_tools_of_every_type(name: str, text: str) -> None:
    is_cut(both(name, text))


@pytest.mark.parametrize("limits", [{"max_output_tokens": 16, "tokens": 16}, {"max_output_tokens": 16, "tokens": 17}])
@pytest.mark.parametrize(("name", "text"), [("eval", '{"a": 1,}'), ("grep", "rm -rf bu"), ("eval", "")])
def test_c3_with_all_tokens_used_up_what_is_not_whole_was_cut(name: str, text: str, limits: dict[str, Any]) -> None:
    is_cut(both(name, text, **limits))


@pytest.mark.parametrize(
    ("name", "text", "given"),
    [
        ("weather", "", "{}"),  # no parameters, no arguments
        ("eval", WHOLE, WHOLE),
        ("eval", "prose", '{"arguments":"prose"}'),
        ("grep", "free text {", "free text {"),
        ("grep", '{"input": "say "hi" to"}', 'say "hi" to'),
    ],
)
@pytest.mark.parametrize("limits", [{}, {"max_output_tokens": 16, "tokens": 15}])
def test_c3_what_may_be_whole_is_done(name: str, text: str, given: str, limits: dict[str, Any]) -> None:
    found = both(name, text, **limits)
    assert found.response["status"] == "completed"
    assert [item.get("arguments", item.get("input")) for item in found.done_items] == [given]
    if text in ("", WHOLE):
        assert both(name, text, max_output_tokens=16, tokens=16).response["status"] == "completed"


@pytest.mark.parametrize("text", ['{"a":1}{"b":2}', "{'a': 1}", '{"a": 1,}'])
def test_c3_arguments_that_are_wrong_but_not_cut_fail_the_response(text: str) -> None:
    found = both("eval", text)
    assert found.response["status"] == "failed"
    assert "cannot be read" in found.response["error"]["message"]
    assert found.done_items == []


def test_c3_a_whole_call_beside_a_cut_one_is_done() -> None:
    found = answer(TOOLS, call('{"a":1}', "eval"), call('{"a":', "eval", index=1), delta("tool_calls"))
    assert [item["status"] for item in found.output] == ["completed", "incomplete"]
    assert found.response["status"] == "incomplete"


# --- C4: one id for several calls ----------------------------------------------------------------------------


def entry(index: int | None, call_id: str | None, name: str | None = None, text: str | None = None) -> Json:
    function = {key: value for key, value in (("name", name), ("arguments", text)) if value is not None}
    place = {key: value for key, value in (("index", index), ("id", call_id)) if value is not None}
    return {**place, "type": "function", "function": function}


TWO = [("eval", '{"a":"1"}'), ("weather", '{"a":"2"}')]
NAMES = [entry(index, "c", name) for index, (name, _) in enumerate(TWO)]


def more(index: int, call_id: str | None = None) -> Json:
    return entry(index, call_id, None, TWO[index][1])


@pytest.mark.parametrize(
    "chunks",
    [
        [[entry(0, "c", *TWO[0]), entry(1, "c", *TWO[1])]],
        [[entry(0, "c", *TWO[0])], [entry(1, "c", *TWO[1])]],
        [[NAMES[0]], [more(0)], [NAMES[1]], [more(1)]],
        [NAMES, [more(0, "c")], [more(1, "c")]],
        [[NAMES[0]], [NAMES[1]], [more(1)], [more(0)]],
    ],
)  # fmt: skip
def test_c4_an_id_under_another_index_is_another_call(chunks: list[list[Json]]) -> None:
    found = answer(TOOLS, *(delta(tool_calls=calls) for calls in chunks), delta("tool_calls"))
    assert [(item["name"], item["arguments"]) for item in found.output] == TWO
    ids = [item["call_id"] for item in found.output]
    assert ids[0] == "c"
    assert ids[1] != "c"


def test_c4_an_id_with_a_wrong_index_and_no_name_goes_on() -> None:
    chunks = [entry(0, "c", "eval", '{"a":'), entry(1, "c", None, '"1"}')]
    found = answer(TOOLS, *(delta(tool_calls=[each]) for each in chunks), delta("tool_calls"))
    assert [(item["name"], item["arguments"]) for item in found.output] == TWO[:1]


# --- C9: white space ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", ["\n", " \n\t", "\u2028"])
def test_c9_white_space_around_calls_is_no_message(space: str) -> None:
    blank = delta(content=space)
    first, second = call("{}", "weather"), call("{}", "eval", index=1)
    found = answer(TOOLS, blank, blank, first, blank, second, blank, blank, delta("tool_calls"))
    assert [item["type"] for item in found.output] == ["function_call", "function_call"]
    assert [event["item"]["type"] for event in found.of("output_item.added")] == ["function_call", "function_call"]


def test_c9_it_belongs_to_what_is_visible_behind_it() -> None:
    found = answer(
        TOOLS, call("{}", "weather"), delta(content="\n"), delta(content=" "), delta(content="So."), delta("stop")
    )
    assert [item["type"] for item in found.output] == ["function_call", "message"]
    assert found.output[1]["content"][0]["text"] == "\n So."


def test_c9_text_keeps_what_is_inside_and_behind_it() -> None:
    chunks = [delta(content=text) for text in ("A", "\n", "B", "\n")]
    found = answer(TOOLS, *chunks, call("{}", "weather"), delta("tool_calls"))
    assert found.output[0]["content"][0]["text"] == "A\nB\n"


def test_c9_behind_a_message_and_a_thought_there_is_none() -> None:
    found = answer({}, delta(content="A"), delta(reasoning_content="b"), delta(content="\n"), delta("stop"))
    assert [item["type"] for item in found.output] == ["message", "reasoning"]


def test_the_arguments_of_a_done_call_are_always_an_object() -> None:
    for end in range(len(WHOLE)):
        for text in (WHOLE[:end], WHOLE[end:], WHOLE[:end] + "x" + WHOLE[end:]):
            for item in answer(TOOLS, call(text, "eval"), delta("stop")).done_items:
                assert isinstance(json.loads(item["arguments"]), dict)
