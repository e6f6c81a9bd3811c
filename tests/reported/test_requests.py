"""Requests that were taken amiss: schemas, parts, choices, and errors that repeat what a client wrote (R1 to R5,
C10, C12)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import json_values
from tests.support.drive import WEATHER, Json, Stream, answer, call, chat, reported, translate
from translators.asking.parse import parse_request
from translators.asking.translate import Settings, to_chat
from translators.dialects import PRESETS
from translators.errors import InvalidRequest

SCHEMA: Json = {"type": "json_schema", "name": "out", "schema": {"type": "object", "properties": {"x": {}}}}


def refused(request: Json, dialect: str = "generic") -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        translate(request, dialect=PRESETS[dialect])
    assert caught.value.status == 400
    return caught.value


# --- R1: a format beside tools -------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["vllm", "sglang"])
@pytest.mark.parametrize("choice", [None, "auto", "required", {"type": "function", "name": "weather"}])
@pytest.mark.parametrize("form", [SCHEMA, {"type": "json_object"}])
def test_r1_a_format_that_forbids_calls_is_told_while_tools_may_be_called(
    dialect: str, choice: Any, form: Json
) -> None:
    request = {"tools": [WEATHER], "tool_choice": choice, "text": {"format": form}}
    translation = translate(request, dialect=PRESETS[dialect])
    body = json.loads(translation.body())
    assert "response_format" not in body
    assert "JSON" in body["messages"][0]["content"]
    assert translation.form is not None
    assert translation.form.misfit("no JSON")


@pytest.mark.parametrize("more", [{}, {"tools": [WEATHER], "tool_choice": "none"}])
def test_r1_without_calls_it_is_held_to(more: Json) -> None:
    body = chat({"text": {"format": SCHEMA}, **more}, dialect=PRESETS["vllm"])
    assert body["response_format"]["type"] == "json_schema"


# --- R2: the roots of schemas -----------------------------------------------------------------------------

EMPTY: Json = {"type": "object", "properties": {}}
REFERS: Json = {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object", "properties": {"b": {"$ref": "#/$defs/a"}}}}}


@pytest.mark.parametrize(
    ("parameters", "sent"),
    [
        ({}, EMPTY),
        ({"type": "object"}, EMPTY),
        ({"type": None, "properties": None}, EMPTY),
        ({**EMPTY, "required": None}, EMPTY),
        ({"properties": {"a": {"type": None}}}, {"type": "object", "properties": {"a": {"type": None}}}),
        ({"type": ["object", "null"]}, EMPTY),
        ({"type": "string"}, EMPTY),
        ({"properties": []}, EMPTY),
        ({"anyOf": [EMPTY]}, {**EMPTY, "anyOf": [EMPTY]}),
        (REFERS, {**REFERS["$defs"]["a"], "$defs": REFERS["$defs"]}),
        ({"$ref": "http://else.where"}, {**EMPTY, "$ref": "http://else.where"}),
    ],
)
def test_r2_parameters_are_an_object_with_properties(parameters: Json, sent: Json) -> None:
    tools = [
        {"type": "function", "name": "a", "parameters": parameters},
        {"type": "function", "function": {"name": "b", "parameters": parameters}},
        {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "c", "parameters": parameters}]},
    ]
    assert [tool["function"]["parameters"] for tool in chat({"tools": tools})["tools"]] == [sent] * 3


def test_r2_what_was_no_object_is_told() -> None:
    tool = {"type": "function", "name": "a", "parameters": {"type": "string"}}
    assert reported({"tools": [tool]}) == [
        "changed tools[0].parameters.type: parameters are an object with properties",
    ]


@given(st.dictionaries(st.sampled_from(["type", "properties", "required", "$ref", "$defs", "x"]), json_values(5)))
def test_r2_any_object_is_one(parameters: Json) -> None:
    chat({"tools": [{"type": "function", "name": "a", "parameters": parameters}]})


def test_r2_a_whole_schema_goes_as_it_came() -> None:
    body = b'{"model":"m","input":"hi","tools":[{"type":"function","name":"a","parameters":'
    schema = b'{ "type":"object",  "properties" : {"b":{}} , "x":1 }'
    sent = to_chat(parse_request(body + schema + b"}]}"), PRESETS["generic"], Settings(model="up")).body()
    assert schema in sent


# --- R3: parts that nobody knows -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "item",
    [
        {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "hologram"}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "a"}, {"type": "hologram"}]},
        {"role": "developer", "content": [{"type": "input_text", "text": "a"}, {"type": "hologram"}]},
    ],
)
def test_r3_an_unknown_part_is_named(item: Json) -> None:
    error = refused({"input": [item]})
    assert error.param == "input[0].content[1].type"
    assert "hologram" in error.message


def test_r3_also_in_what_a_tool_returned() -> None:
    items = [
        {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": [{"type": "hologram"}]},
    ]
    assert refused({"input": items}).param == "input[1].output[0].type"


@pytest.mark.parametrize("part", [{"video_url": "https://a/b.mp4"}, {"video_url": {"url": "https://a/b.mp4"}}])
def test_r3_video_goes_where_it_is_taken(part: Json) -> None:
    message = {"role": "user", "content": [{"type": "input_text", "text": "?"}, {"type": "input_video", **part}]}
    sent = json.loads(translate({"input": [message]}, dialect=PRESETS["vllm"]).body())["messages"][0]["content"]
    assert sent[1] == {"type": "video_url", "video_url": {"url": "https://a/b.mp4"}}
    error = refused({"input": [message]})
    assert (error.param, error.code) == ("input[0].content[1]", "unsupported_value")
    empty = {"role": "user", "content": [{"type": "input_video"}]}
    assert refused({"input": [empty]}, "vllm").param == "input[0].content[0].video_url"


# --- R4: a forced tool where there are none --------------------------------------------------------------------


@pytest.mark.parametrize(
    "choice",
    [
        "required",
        {"type": "function", "name": "weather"},
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "weather"}]},
    ],
)
def test_r4_a_call_that_nobody_can_make_is_refused(choice: Any) -> None:
    error = refused({"tools": [WEATHER], "tool_choice": choice}, "perplexity")
    assert (error.param, error.code) == ("tool_choice", "unsupported_value")


@pytest.mark.parametrize("choice", [None, "auto", "none"])
def test_r4_a_tool_that_may_be_called_is_reported(choice: Any) -> None:
    request = {"tools": [WEATHER], "tool_choice": choice}
    told = [str(each) for each in translate(request, dialect=PRESETS["perplexity"]).adaptations]
    assert told == ["dropped tools: the upstream takes no tools"]


# --- R5: errors that name the field, in bounded words ------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "param", "code"),
    [
        ({"text": {"format": {**SCHEMA, "schema": "y"}}}, "text.format.schema", "invalid_type"),
        ({"text": {"format": {**SCHEMA, "schema": [1]}}}, "text.format.schema", "invalid_type"),
        ({"max_output_tokens": 10**20}, "max_output_tokens", "invalid_value"),
        ({"max_tool_calls": 10**20}, "max_tool_calls", "invalid_value"),
        ({"input": None, "prompt": {"id": "p"}}, "prompt", "unsupported_parameter"),
        ({"input": [], "prompt": {"id": "p"}}, "prompt", "unsupported_parameter"),
        ({"input": [{"type": "compaction_trigger"}]}, "input", "invalid_value"),
    ],
)
def test_r5_the_field_is_named(request_: Json, param: str, code: str) -> None:
    error = refused(request_)
    assert (error.param, error.code) == (param, code)


LONG = "x" * 200_000


@pytest.mark.parametrize(
    "request_",
    [
        {"input": [{"role": LONG, "content": "a"}]},
        {"input": [{"type": LONG}], "tools": [{"type": LONG}]},
        {"input": [{"role": "user", "content": [{"type": LONG}]}]},
        {"input": [{"type": "item_reference", "id": LONG}]},
        {"input": [{"type": "function_call_output", "call_id": LONG, "output": ""}]},
        {"input": [{"type": "function_call", "call_id": LONG, "name": LONG, "arguments": ""}]},
        {"tool_choice": LONG},
        {"tool_choice": {"type": LONG}},
        {"tool_choice": {"type": "function", "name": LONG}, "tools": [WEATHER]},
        {"truncation": LONG},
        {"metadata": {LONG: "a"}},
        {"metadata": {"a": LONG}},
        {"include": [LONG]},
        {"reasoning": {"effort": LONG}},
        {"service_tier": LONG, LONG: 1},
        {"text": {"format": {"type": LONG}}},
        {"text": {"verbosity": LONG}},
        {"tools": [{"type": "namespace", "name": LONG, "tools": [{"type": LONG}]}]},
        {"tools": [{"type": "function", "name": LONG}, {"type": "function", "name": LONG}]},
        {"tools": [{"type": "shell", "environment": {"type": LONG}}]},
        {"tools": [{"type": "function", "name": "a", "parameters": {LONG: {"$ref": LONG}}}]},
        {"input": [{"type": "message", "role": "user", "content": "a", LONG: 1}]},
        {"conversation": {LONG: 1}},
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": LONG}]}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_data": "data:" + LONG}]}]},
    ],
)
@pytest.mark.parametrize("dialect", ["generic", "openai", "anthropic", "gemini"])
def test_r5_no_error_and_no_report_grows_with_a_request(request_: Json, dialect: str) -> None:
    told: list[str | bytes] = []
    try:
        told += map(str, translate(request_, dialect=PRESETS[dialect]).adaptations)
    except InvalidRequest as error:
        told.append(error.envelope())
    assert all(len(each) < 4_000 for each in told)


# --- C10: plain arguments of parameters that OpenAI would encrypt ---------------------------------------------------

MARKED: Json = {
    "type": "function",
    "name": "spawn",
    "parameters": {"type": "object", "properties": {"message": {"type": "string", "encrypted": True}}},
}


@pytest.mark.parametrize("tool", [MARKED, {"type": "function", "function": {**MARKED}}])
def test_c10_codex_is_told_that_arguments_are_plain(tool: Json) -> None:
    plain = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {"encrypted": {}}}}
    chunks = [call('{"message":"hi"}', "spawn"), call("{}", "look", index=1, finish="tool_calls")]
    found = answer({"tools": [tool, plain]}, *chunks)
    marks = [item.get("encrypted_function_args") for item in found.output]
    assert marks == [[], None]
    for kind in ("output_item.added", "output_item.done"):
        assert [each["item"].get("encrypted_function_args") for each in found.of(kind)] == marks


def test_c10_the_field_is_known_when_it_comes_back() -> None:
    item = {"type": "function_call", "call_id": "1", "name": "spawn", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "1", "output": ""}
    assert reported({"input": [{**item, "encrypted_function_args": []}, output]}) == []
    [told] = reported({"input": [{**item, "encrypted_function_args": ["message"]}, output]})
    assert told.startswith("ignored input[0].encrypted_function_args")


# --- C12: names of tools in namespaces ------------------------------------------------------------------------------

FILES: Json = {
    "type": "namespace",
    "name": "mcp__files__",
    "tools": [{"type": "function", "name": name} for name in ("read", "write")],
}


def test_c12_the_separator_is_not_doubled() -> None:
    assert [tool["function"]["name"] for tool in chat({"tools": [FILES]})["tools"]] == [
        "mcp__files__read",
        "mcp__files__write",
    ]
    same = {**FILES, "name": "mcp__files"}
    names = [tool["function"]["name"] for tool in chat({"tools": [FILES, same]})["tools"]]
    assert len(set(names)) == 4


@pytest.mark.parametrize(
    "called", ["mcp__files____read", "mcp__files.read", "read", "functions.mcp__files__read", "mcp_files_read", "Read"]
)
def test_c12_a_name_that_is_nearly_right_is_the_one_tool_it_can_mean(called: str) -> None:
    stream = Stream({"tools": [FILES]})
    [item] = stream.feed(call("{}", called, finish="tool_calls")).finish().output
    assert (item["name"], item["namespace"]) == ("read", "mcp__files__")
    assert any("can only be 'read'" in each.reason for each in stream.inner.adaptations)


@pytest.mark.parametrize("called", ["delete", "read", ""])
def test_c12_what_could_be_two_tools_or_none_stays_as_it_is(called: str) -> None:
    other = {**FILES, "name": "mcp__mail"}
    called = called or "mcp__files__delete"
    [item] = answer({"tools": [FILES, other]}, call("{}", called, finish="tool_calls")).output
    assert (item["name"], item.get("namespace")) == (called, None)


# --- C11: halves of surrogate pairs -------------------------------------------------------------------------------

HALVES = [
    (rb'"a\ud83d"', "a\ufffd"),
    (rb'"\ude00 \ud83d\ude00 \\ud83d"', "\ufffd \U0001f600 \\ud83d"),
    (b'"a\xed\xa0\xbd b"', "a\ufffd b"),
    (b'"\xed\xa0\xbd\xed\xb8\x80"', "\U0001f600"),
]


@pytest.mark.parametrize(("raw", "meant"), HALVES)
def test_c11_half_a_pair_in_a_request_is_mended_and_told(raw: bytes, meant: str) -> None:
    items = (
        b'[{"role":"user","content":%b},{"type":"function_call","call_id":"1","name":"f","arguments":"{}"},'
        b'{"type":"function_call_output","call_id":"1","output":%b},{"role":"user","content":[{"type":"input_text",'
        b'"text":%b}]}]'
    ) % (raw, raw, raw)
    body = b'{\n"model":"m","instructions":%b,"input":%b,"metadata":{%b:"x"}}' % (raw, items, raw)
    translation = to_chat(parse_request(body), PRESETS["generic"], Settings(model="up"))
    sent = json.loads(translation.body())["messages"]
    assert [sent[at]["content"] for at in (0, 1, 3, 4)] == [meant] * 4
    told = {each.param for each in translation.adaptations}
    assert told == ({"instructions", "input", "metadata"} if "\ufffd" in meant else set())


def test_c11_half_a_pair_in_replayed_arguments() -> None:
    inner = json.dumps('{"a":"\\ud83d"}')
    outer = '"{\\"b\\":\\"\\ud83d\\"}"'
    for arguments, meant in ((inner, {"a": "\ufffd"}), (outer, {"b": "\ufffd"})):
        item = b'{"type":"function_call","call_id":"1","name":"f","arguments":%b}' % arguments.encode()
        parsed = parse_request(b'{"model":"m","input":[%b]}' % item)
        body = json.loads(to_chat(parsed, PRESETS["generic"], Settings(model="up")).body())
        [sent] = body["messages"][0]["tool_calls"]
        assert json.loads(sent["function"]["arguments"]) == meant


def test_c11_what_is_no_utf_8_is_still_refused() -> None:
    with pytest.raises(InvalidRequest, match="not UTF-8"):
        parse_request(b'{"model":"m","input":"\xff"}')
    with pytest.raises(InvalidRequest, match="not valid JSON"):
        parse_request(rb'{"model":"m","input":"\ud83d"')
