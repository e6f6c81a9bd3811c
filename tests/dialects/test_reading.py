"""What stands between a backend's fragments and the stream: tags, fences, repeated thoughts, calls written as text."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies.values import cuts
from tests.support.answered import answer, answered
from tests.support.translation import Json, encode, text_of
from translators.asking.parse import parse_request
from translators.asking.translate import Settings, Translation, to_chat
from translators.dialects import PRESETS, Dialect, choose

TOOL: Json = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}


def translation(dialect: Dialect, **request: Any) -> Translation:
    return to_chat(
        parse_request(encode({"model": "m", "input": "hi", **request})),
        dialect,
        Settings(model="m", estimate_usage=False),
    )


def said(dialect: Dialect, pieces: Iterable[str]) -> tuple[str, str]:
    """The reasoning and the text that become of `content` in pieces."""
    response = answer(translation(dialect), [{"content": piece} for piece in pieces])
    thoughts = [part["text"] for item in response["output"] if item["type"] == "reasoning" for part in item["content"]]
    return "".join(thoughts), text_of(response)


THINK = Dialect()
PREFILLED = Dialect(think_prefilled=True)
TAGGED = [
    (THINK, "<think>\nwhy\n</think>\n\nso", "why", "so"),
    (THINK, " \n<think>why</think>so", "why", "so"),
    (THINK, "<think>\n\n</think>\n\nso", "", "so"),
    (THINK, "<think>cut short", "cut short", ""),
    (THINK, "<think>a</think><think>b</think>so", "ab", "so"),
    (THINK, "so <think>literal</think>", "", "so <think>literal</think>"),
    (THINK, "<thin air", "", "<thin air"),
    (THINK, "</think>so", "", "so"),
    (THINK, "<think>1 </ 2 </thin 3</think>so", "1 </ 2 </thin 3", "so"),
    (Dialect(think_tags=()), "<think>why</think>so", "", "<think>why</think>so"),
    (Dialect(think_tags=("thought", "think")), "<thought>why</thought>so", "why", "so"),
    (PREFILLED, "why</think>\nso", "why", "so"),
    (PREFILLED, "<think>why</think>so", "why", "so"),
    (PREFILLED, "so, no thought at all", "", "so, no thought at all"),
]


@pytest.mark.parametrize(("dialect", "content", "thought", "text"), TAGGED)
@given(data=st.data())
def test_r10_r11_r12_r13_tags_wherever_they_are_cut(
    dialect: Dialect, content: str, thought: str, text: str, data: st.DataObject
) -> None:
    pieces = data.draw(cuts(content, max_cuts=6))
    assert said(dialect, pieces) == (thought, text)


@given(st.text(alphabet="<>/think \n`a", max_size=40), st.data(), st.sampled_from([THINK, PREFILLED]))
def test_any_text_gives_the_same_however_it_is_cut(content: str, data: st.DataObject, dialect: Dialect) -> None:
    assert said(dialect, data.draw(cuts(content, max_cuts=8))) == said(dialect, [content])


def test_r11_an_orphan_end_behind_a_field_of_reasoning_is_taken_away() -> None:
    response = answer(translation(THINK), [{"reasoning_content": "why"}, {"content": "</think>"}, {"content": "so"}])
    assert text_of(response) == "so"


def test_repeated_thoughts_are_told_once() -> None:
    deltas = [{"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": text}]} for text in ("I", "I am")]
    response = answer(translation(PRESETS["minimax"]), [*deltas, {"content": "so"}])
    assert response["output"][0]["content"][0]["text"] == "I am"


@pytest.mark.parametrize("deltas", [1, 2])
def test_one_call_where_one_was_asked_for(deltas: int) -> None:
    calls = [{"index": n, "id": f"c{n}", "function": {"name": "look", "arguments": "{}"}} for n in range(2)]
    asked = translation(PRESETS["generic"], tools=[TOOL], parallel_tool_calls=False)
    chunks = [{"tool_calls": calls}] if deltas == 1 else [{"tool_calls": [call]} for call in calls]
    response = answer(asked, chunks, "tool_calls")
    assert [item["call_id"] for item in response["output"]] == ["c0"]
    assert [adaptation.param for adaptation in asked.adaptations] == ["parallel_tool_calls"]


WRITTEN = [
    ("tool_call_tags", '<tool_call>{"name": "look", "arguments": {"at": 1}}</tool_call>'),
    ("tool_call_tags", "<tool_call>\n<function=look>\n<parameter=at>\n1\n</parameter>\n</function>\n</tool_call>"),
    ("tool_call_tags", '<tool_call>{"name": "look", "arguments": {"at": 1}}'),
    ("invoke_tags", '<invoke name="look"><parameter name="at">1</parameter></invoke>'),
    (
        "invoke_tags",
        '<function_calls>\n<invoke name="look"><parameter name="at">1</parameter></invoke></function_calls>',
    ),
    (
        "dsml",
        '<\uff5cDSML\uff5cfunction_calls><\uff5cDSML\uff5cinvoke name="look"><\uff5cDSML\uff5cparameter name="at" '
        'string="false">1</\uff5cDSML\uff5cparameter></\uff5cDSML\uff5cinvoke></\uff5cDSML\uff5cfunction_calls>',
    ),
    (
        "kimi_tokens",
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.look:0<|tool_call_argument_begin|>"
        '{"at": 1}<|tool_call_end|><|tool_calls_section_end|>',
    ),
]


@pytest.mark.parametrize(("form", "text"), WRITTEN)
@given(data=st.data())
def test_t28_calls_written_as_text_are_calls_again(form: Any, text: str, data: st.DataObject) -> None:
    dialect = Dialect(text_calls=frozenset({form}))
    pieces = data.draw(cuts(f"I look.\n\n{text}", max_cuts=5))
    response = answer(translation(dialect, tools=[TOOL]), [{"content": piece} for piece in pieces])
    message, call = response["output"]
    assert message["content"][0]["text"] == "I look."
    assert (call["name"], json.loads(call["arguments"])) == ("look", {"at": 1})


@pytest.mark.parametrize(("form", "text"), WRITTEN)
@pytest.mark.parametrize("tools", [[], [{**TOOL, "name": "other"}]])
def test_t28_only_offered_tools_are_called(form: Any, text: str, tools: list[Json]) -> None:
    dialect = Dialect(text_calls=frozenset({form}))
    response = answer(translation(dialect, tools=tools), [{"content": text}])
    assert text_of(response) == text


def test_t29_a_thought_of_a_call_is_no_call() -> None:
    dialect = Dialect(text_calls=frozenset({"tool_call_tags"}))
    text = f"<think>{WRITTEN[0][1]}</think>so"
    response = answer(translation(dialect, tools=[TOOL]), [{"content": text}])
    assert [item["type"] for item in response["output"]] == ["reasoning", "message"]


BARE = [
    ('{"name": "look", "arguments": {"at": 1}}', "required", [TOOL, {**TOOL, "name": "other"}], True),
    (' {"at": 1}', {"type": "function", "name": "look"}, [TOOL], True),
    ('{"at": 1}', "auto", [TOOL], False),
    ('{"at": 1}', "required", [TOOL, {**TOOL, "name": "other"}], False),
    ('{"at": 1', "required", [TOOL], False),
    ("I look.", "required", [TOOL], False),
]


@pytest.mark.parametrize(("text", "choice", "tools", "called"), BARE)
@given(data=st.data())
def test_t27_a_forced_call_in_bare_json(
    text: str, choice: Any, tools: list[Json], called: bool, data: st.DataObject
) -> None:
    asked = translation(Dialect(text_calls=frozenset({"bare_json"})), tools=tools, tool_choice=choice)
    response = answer(asked, [{"content": piece} for piece in data.draw(cuts(text, max_cuts=4))])
    (item,) = response["output"]
    if called:
        assert (item["name"], json.loads(item["arguments"])) == ("look", {"at": 1})
    else:
        assert text_of(response) == text


def test_a_call_in_bare_json_and_one_between_tags_are_two() -> None:
    other = {**TOOL, "name": "other"}
    both = Dialect(text_calls=frozenset({"bare_json", "tool_call_tags"}))
    asked = translation(both, tools=[TOOL, other], tool_choice="required")
    bare, tagged = '{"name": "look", "arguments": {"at": 1}}', '<tool_call>{"name": "other"}</tool_call>'
    response = answer(asked, [{"content": bare}, {"content": tagged}])
    assert [item["name"] for item in response["output"]] == ["look", "other"]


SCHEMA: Json = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
FORMAT: Json = {"format": {"type": "json_schema", "name": "number", "schema": SCHEMA}}


@given(st.data(), st.sampled_from(['{"n": 1}', '```json\n{"n": 1}\n```', '\n```\n{"n": 1}```\n']))
def test_a_fence_is_taken_off(data: st.DataObject, text: str) -> None:
    asked = translation(PRESETS["minimax"], text=FORMAT)
    response = answer(asked, [{"content": piece} for piece in data.draw(cuts(text, max_cuts=5))])
    assert json.loads(text_of(response)) == {"n": 1}
    assert "text.format" in {adaptation.param for adaptation in asked.adaptations}


def test_an_answer_in_a_tool_is_text() -> None:
    asked = translation(PRESETS["anthropic"], text=FORMAT)
    assert asked.chat.tool_choice.function.name == "number"  # type: ignore[union-attr]
    call = {"index": 0, "id": "c", "function": {"name": "number", "arguments": '{"n": 1}'}}
    response = answer(asked, [{"tool_calls": [call]}], "tool_calls")
    assert [item["type"] for item in response["output"]] == ["message"]
    assert text_of(response) == '{"n": 1}'


def test_an_answer_in_another_form_is_told() -> None:
    asked = translation(PRESETS["deepseek"], text=FORMAT)
    _, adaptations = answered(asked, [{"content": '{"n": "one"}'}])
    assert "does not fit: $.n is not of type integer" in str(adaptations[-1])


def test_r14_records_of_a_thought_come_back_verbatim() -> None:
    openrouter = PRESETS["openrouter"]
    records = [
        {"type": "reasoning.text", "text": "wh", "index": 0, "format": "f"},
        {"type": "reasoning.text", "text": "y", "index": 0, "signature": "s"},
        {"type": "reasoning.encrypted", "data": "x", "index": 1},
        {"type": "reasoning.encrypted", "data": "y", "index": 1},
    ]
    call = {"index": 0, "id": "c", "function": {"name": "look", "arguments": "{}"}}
    deltas = [*({"reasoning_details": [record]} for record in records), {"tool_calls": [call]}]
    output = answer(translation(openrouter, tools=[TOOL]), deltas, "tool_calls")["output"]
    history = [
        {"role": "user", "content": "q"},
        *output,
        {"type": "function_call_output", "call_id": "c", "output": ""},
    ]
    again = translation(openrouter, input=history)
    details = json.loads(again.body())["messages"][1]["reasoning_details"]
    assert details == [
        {"type": "reasoning.text", "text": "why", "index": 0, "format": "f", "signature": "s"},
        *records[2:],
    ]
    elsewhere = to_chat(parse_request(encode({"model": "m", "input": history})), openrouter, Settings(model="other"))
    assert "encrypted" not in elsewhere.body().decode()


def test_r15_a_signature_comes_back_with_its_call() -> None:
    gemini = PRESETS["gemini"]
    extra = {"google": {"thought_signature": "c2ln"}}
    calls = [
        {"id": "a", "function": {"name": "look", "arguments": "{}"}, "extra_content": extra},
        {"id": "b", "function": {"name": "look", "arguments": "{}"}},
    ]
    output = answer(translation(gemini, tools=[TOOL]), [{"tool_calls": [call]} for call in calls])["output"]
    assert [item["type"] for item in output] == ["reasoning", "function_call", "function_call"]
    outputs = [{"type": "function_call_output", "call_id": name, "output": ""} for name in "ab"]
    again = translation(gemini, input=[{"role": "user", "content": "q"}, *output, *outputs])
    sent = json.loads(again.body())["messages"][1]["tool_calls"]
    assert [call.get("extra_content") for call in sent] == [extra, None]
    plain = translation(PRESETS["generic"], input=[{"role": "user", "content": "q"}, *output, *outputs])
    assert "extra_content" not in plain.body().decode()


def test_r15_a_lost_signature_has_a_stand_in() -> None:
    """On the first call of each turn, for models that refuse a call without one."""
    history = [{"role": "user", "content": "q"}]
    for turn in ("a", "b"):
        ids = [f"{turn}{number}" for number in range(2)]
        history += [{"type": "function_call", "call_id": name, "name": "look", "arguments": "{}"} for name in ids]
        history += [{"type": "function_call_output", "call_id": name, "output": ""} for name in ids]
    filler = {"google": {"thought_signature": "skip_thought_signature_validator"}}
    for model, stand_in in (("gemini-3-pro", filler), ("gemini-2.5-pro", None)):
        for host in ("generativelanguage.googleapis.com", "gateway.example.com"):
            again = translation(choose(host=host, model_name=model).dialect, input=history)
            turns = [
                message["tool_calls"] for message in json.loads(again.body())["messages"] if "tool_calls" in message
            ]
            sent = [[call.get("extra_content") for call in calls] for calls in turns]
            assert sent == [[stand_in, None], [stand_in, None]]


def test_a_refusal_needs_no_form() -> None:
    asked = translation(PRESETS["openai"], text=FORMAT)
    _, adaptations = answered(asked, [{"refusal": "I may not."}])
    assert adaptations == []


def test_an_answer_in_another_form_fails_where_nothing_may_be_lost() -> None:
    parsed = parse_request(encode({"model": "m", "input": "hi", "text": FORMAT}))
    asked = to_chat(parsed, PRESETS["openai"], Settings(model="m", on_unsupported="refuse"))
    response = answer(asked, [{"content": "one"}])
    assert response["status"] == "failed"
    assert "it is not JSON" in response["error"]["message"]


CALL: Json = {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "look", "arguments": "{}"}}]}


@pytest.mark.parametrize(
    ("pieces", "types"),
    [
        (["\n", " "], ["function_call"]),
        (["\n", "I look.", "\n"], ["message", "function_call"]),
        (["<think>", "why", "</think>", "\n\n"], ["reasoning", "function_call"]),
    ],
)
def test_white_space_before_a_call_is_no_message(pieces: list[str], types: list[str]) -> None:
    made = answer(translation(THINK, tools=[TOOL]), [*({"content": piece} for piece in pieces), CALL], "tool_calls")
    assert [item["type"] for item in made["output"]] == types


def test_white_space_that_is_all_of_an_answer_stays() -> None:
    assert said(THINK, ["\n", "\n"]) == ("", "\n\n")
