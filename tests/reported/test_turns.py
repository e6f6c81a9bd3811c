"""Turns as a Chat server needs them, and what becomes of phases."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.drive import PIXEL, WEATHER, answer, call, chat, delta, messages, reported
from translators.errors import InvalidRequest

Json = dict[str, Any]


def called(call_id: str, name: str = "weather") -> Json:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}"}


def returned(call_id: str | None, output: object = "out") -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def test_s24_what_is_said_before_calls_is_commentary() -> None:
    found = answer({"tools": [WEATHER]}, delta(content="I look. "), call("{}", finish="tool_calls"))
    assert [item.get("phase") for item in found.done_items] == ["commentary", None]


def test_s24_what_ends_the_turn_is_the_final_answer() -> None:
    found = answer({}, delta(content="one"), delta(reasoning_content="hm"), delta("stop", content="two"))
    assert [item.get("phase") for item in found.output] == ["commentary", None, "final_answer"]
    assert "phase" not in found.of("output_item.added")[0]["item"]


@pytest.mark.parametrize("phase", ["commentary", "final_answer", None])
def test_s24_phases_in_history_are_taken_without_a_word(phase: str | None) -> None:
    items = [{"role": "assistant", "phase": phase, "content": [{"type": "output_text", "text": "x"}]}]
    assert messages(items)[0] == {"role": "assistant", "content": "x"}
    assert reported({"input": items}) == []


def test_t33_a_list_of_texts_is_their_text() -> None:
    parts = [{"type": "input_text", "text": "a"}, {"type": "output_text", "text": "b"}]
    assert messages([called("1"), returned("1", parts)])[1]["content"] == "a\nb"


def test_t34_an_image_follows_all_outputs_of_its_turn() -> None:
    image = [{"type": "input_text", "text": "seen"}, {"type": "input_image", "image_url": PIXEL}]
    found = messages([called("1"), called("2"), returned("1", image), returned("2")])
    assert [message["role"] for message in found] == ["assistant", "tool", "tool", "user", "user"]
    assert found[1]["content"] == "seen"
    assert found[3]["content"] == [{"type": "image_url", "image_url": {"url": PIXEL}}]


def test_t35_a_call_without_an_output_gets_one_and_is_reported() -> None:
    items = [called("1"), {"role": "user", "content": "stop that"}]
    found = chat({"input": items})["messages"]
    assert [message["role"] for message in found] == ["assistant", "tool", "user"]
    assert reported({"input": items}) == ["emulated input[0]: no output for call 1; a placeholder stands in its place"]


def test_t35_an_output_without_a_call_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="No tool call found") as caught:
        chat({"input": [returned("nobody")]})
    assert caught.value.param == "input[0].call_id"


def test_t36_text_between_call_and_output_stands_in_one_message_with_the_call() -> None:
    said = {"role": "assistant", "content": "looking"}
    found = messages([called("1"), said, called("2"), returned("1"), returned("2")])
    assert [message["role"] for message in found] == ["assistant", "tool", "tool", "user"]
    assert found[0]["content"] == "looking"


def test_t37_t38_parallel_calls_are_one_message_and_keep_their_own_results() -> None:
    found = messages([called("1"), called("2"), returned("2", "b"), returned("1", "a")])
    assert [each["id"] for each in found[0]["tool_calls"]] == ["1", "2"]
    assert [(message["tool_call_id"], message["content"]) for message in found[1:3]] == [("1", "a"), ("2", "b")]


def test_t39_outputs_without_a_call_id_are_paired_by_id_then_by_order() -> None:
    first, second = {**called("1"), "id": "fc_1"}, {**called("2"), "id": "fc_2"}
    found = messages([first, second, {**returned(None, "b"), "id": "fc_2"}, returned(None, "a")])
    assert [(message["tool_call_id"], message["content"]) for message in found[1:3]] == [("1", "a"), ("2", "b")]


def test_t41_ids_used_again_in_a_later_turn_pair_with_the_latest_call() -> None:
    user = {"role": "user", "content": "again"}
    found = messages([called("1"), returned("1", "a"), user, called("1"), returned("1", "b")])
    assert [message["content"] for message in found if message["role"] == "tool"] == ["a", "b"]


@pytest.mark.parametrize(
    "content", ["hi", [{"type": "input_text", "text": "hi"}], ["hi"], [{"type": "text", "text": "hi"}]]
)
def test_m05_every_spelling_of_text(content: object) -> None:
    assert chat({"input": [{"role": "user", "content": content}]})["messages"] == [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize("image", [PIXEL, {"url": PIXEL, "detail": "low"}])
def test_m05_images_as_string_or_object(image: object) -> None:
    part = {"type": "input_image", "image_url": image}
    [found] = chat({"input": [{"role": "user", "content": [part]}]})["messages"]
    assert found["content"][0]["image_url"]["url"] == PIXEL


def test_m06_a_reference_without_a_store_says_what_to_do() -> None:
    with pytest.raises(InvalidRequest, match="'store' is false"):
        chat({"input": [{"type": "item_reference", "id": "rs_1"}, {"role": "user", "content": "x"}]})


def test_unknown_items_and_fields_are_reported_and_the_session_lives() -> None:
    items = [{"type": "hologram", "id": "h"}, {"role": "user", "content": "x", "mood": "good"}]
    assert reported({"input": items}) == [
        "dropped input[0]: items of type 'hologram' are not known",
        "ignored input[1].mood: not a field of message items",
    ]


def test_null_is_absence_everywhere() -> None:
    names = (
        *("instructions", "tools", "tool_choice", "parallel_tool_calls", "text", "reasoning", "temperature", "top_p"),
        *(
            "max_output_tokens",
            "max_tool_calls",
            "top_logprobs",
            "include",
            "stream",
            "stream_options",
            "store",
            "metadata",
        ),
        *("user", "safety_identifier", "prompt_cache_key", "service_tier", "truncation", "background", "conversation"),
        *("previous_response_id", "prompt", "context_management", "moderation"),
    )
    assert chat(dict.fromkeys(names)) == chat({})
    tool = {**WEATHER, "description": None, "parameters": None, "strict": None, "defer_loading": None}
    custom = {"type": "custom", "name": "c", "description": None, "format": None}
    search = {"type": "tool_search", "execution": "client", "description": None, "parameters": None}
    assert len(chat({"tools": [tool, custom, search]})["tools"]) == 3
    nulls = {"id": None, "status": None, "namespace": None}
    items = [{**called("1"), **nulls}, {**returned("1"), "id": None, "status": None}]
    assert len(chat({"input": items})["messages"]) == 2


def test_a_configuration_update_holds_from_there_on() -> None:
    schema = {"type": "json_schema", "name": "n", "schema": {"type": "object"}}
    update = {"type": "configuration_update", "reasoning": {"effort": "low"}, "text": {"format": schema}}
    body = chat({"reasoning": {"effort": "high"}, "input": [{"role": "user", "content": "x"}, update]})
    assert body["reasoning_effort"] == "low"
    assert body["response_format"]["json_schema"]["name"] == "n"


@pytest.mark.parametrize(
    ("item", "role", "content"),
    [
        ({"type": "file_search_call", "queries": ["q"], "results": [{"text": "found"}]}, "tool", "found"),
        ({"type": "code_interpreter_call", "code": "1+1", "outputs": [{"type": "logs", "logs": "2"}]}, "tool", '"2"'),
        ({"type": "mcp_call", "name": "add", "server_label": "s", "arguments": "{}", "output": "3"}, "tool", "3"),
        (
            {"type": "mcp_call", "name": "add", "server_label": "s", "arguments": "{}", "error": {"code": 1}},
            "tool",
            "Error",
        ),
        (
            {"type": "image_generation_call", "result": "aGk=", "status": "completed"},
            "user",
            "data:image/png;base64,aGk=",
        ),
    ],
)
def test_hosted_calls_of_elsewhere_keep_what_came_out_of_them(item: Json, role: str, content: str) -> None:
    found = messages([{"id": "x_1", **item}])
    assert found[0]["tool_calls"][0]["id"] == "x_1"
    assert any(
        content in json.dumps(message, ensure_ascii=False).replace("\\", "")
        for message in found
        if message["role"] == role
    )


@pytest.mark.parametrize(
    "kind", ["mcp_list_tools", "mcp_approval_request", "program", "program_output", "web_search_call"]
)
def test_hosted_items_without_words_are_reported(kind: str) -> None:
    assert [
        line.split()[0] for line in reported({"input": [{"type": kind, "id": "x"}, {"role": "user", "content": "x"}]})
    ] == ["ignored"]
