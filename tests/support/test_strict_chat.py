"""R2 itself: a full request passes, and each fault that a strict chat server refuses is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.support.grammar import Json
from tests.support.strict_chat import check_chat_request

CALLS = [
    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
    {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
]
PARAMETERS: Json = {"type": "object", "properties": {}}
FULL: Json = {
    "model": "m",
    "messages": [
        {"role": "developer", "content": [{"type": "text", "text": "Be short."}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,", "detail": "low"}}]},
        {"role": "assistant", "content": None, "tool_calls": CALLS},
        {"role": "tool", "tool_call_id": "c2", "content": "2"},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "1"}]},
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": "Thanks"},
    ],
    "tools": [{"type": "function", "function": {"name": name, "parameters": PARAMETERS}} for name in "fg"],
    "tool_choice": {"type": "function", "function": {"name": "g"}},
    "parallel_tool_calls": False,
    "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {}, "strict": True}},
    "stream": True,
    "stream_options": {"include_usage": True},
    "max_completion_tokens": 16,
    "temperature": 0,
    "logprobs": True,
    "top_logprobs": 2,
}


def test_a_full_request_is_taken() -> None:
    check_chat_request(FULL)


def _changed(*path: str | int, value: Any) -> Json:
    body = copy.deepcopy(FULL)
    owner: Any = body
    for key in path[:-1]:
        owner = owner[key]
    owner[path[-1]] = value
    return body


def _without(*names: str) -> Json:
    return {key: value for key, value in FULL.items() if key not in names}


def _messages(*messages: Json) -> Json:
    return {"model": "m", "messages": list(messages)}


TURN: Json = {"role": "assistant", "content": "", "tool_calls": CALLS}
OTHER: Json = {"type": "function", "function": {"name": "h"}}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(_without("messages"), id="no messages"),
        pytest.param(_messages(), id="empty messages"),
        pytest.param(_messages({"role": "bot", "content": "x"}), id="unknown role"),
        pytest.param(_messages({"role": "user"}), id="no content"),
        pytest.param(_messages({"role": "user", "content": None}), id="null content"),
        pytest.param(_messages({"role": "user", "content": []}), id="no parts"),
        pytest.param(_messages({"role": "user", "content": [{"type": "input_text", "text": ""}]}), id="unknown part"),
        pytest.param(_messages({"role": "system", "content": [{"type": "file", "file": {}}]}), id="file for system"),
        pytest.param(_changed("messages", 1, "content", 0, "image_url", "detail", value="original"), id="detail"),
        pytest.param(_messages({"role": "assistant", "content": None}), id="null answer"),
        pytest.param(_messages({"role": "assistant", "content": "x", "tool_calls": []}), id="empty tool_calls"),
        pytest.param(_messages({"role": "assistant", "content": "x", "reasoning_content": "y"}), id="message key"),
        pytest.param(
            _changed("messages", 2, "tool_calls", 0, "function", "arguments", value={}), id="object arguments"
        ),
        pytest.param(_changed("messages", 2, "tool_calls", 0, "function", "name", value="a.b"), id="call name"),
        pytest.param(_changed("messages", 2, "tool_calls", 0, "id", value="c2"), id="call id twice"),
        pytest.param(_changed("messages", 2, "tool_calls", 0, "function", "arguments", value="{"), id="cut arguments"),
        pytest.param(_changed("messages", 2, "tool_calls", 0, "function", "arguments", value="[]"), id="no object"),
        pytest.param(_messages(*FULL["messages"][2:5], *FULL["messages"][2:5]), id="call ids of an earlier turn"),
        pytest.param(_messages({"role": "tool", "tool_call_id": "c1", "content": ""}), id="orphan output"),
        pytest.param(_messages(TURN), id="calls unanswered at the end"),
        pytest.param(_changed("messages", 3, value={"role": "user", "content": ""}), id="message before the outputs"),
        pytest.param(_changed("messages", 4, "tool_call_id", value="c2"), id="answered twice"),
        pytest.param(_changed("tools", value=[]), id="empty tools"),
        pytest.param(_changed("tools", value=None), id="null tools"),
        pytest.param(_changed("tools", 0, "function", "name", value="f" * 65), id="long name"),
        pytest.param(_changed("tools", 0, "function", "name", value="g"), id="name twice"),
        pytest.param(_changed("tools", 0, "function", "parameters", value={}), id="no object"),
        pytest.param(_changed("tools", 0, value={"type": "function", "name": "f"}), id="flat tool"),
        pytest.param(_without("tools", "parallel_tool_calls"), id="choice without tools"),
        pytest.param(_without("tools", "tool_choice"), id="parallel without tools"),
        pytest.param(_changed("tool_choice", value=OTHER), id="choice of a tool not offered"),
        pytest.param(_changed("tool_choice", value={"type": "function", "name": "g"}), id="flat choice"),
        pytest.param(_changed("tool_choice", value="any"), id="unknown choice"),
        pytest.param(
            _changed(
                "tool_choice", value={"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [OTHER]}}
            ),
            id="allowed tool not offered",
        ),
        pytest.param(_changed("response_format", value={"type": "json_schema", "name": "s"}), id="flat format"),
        pytest.param(_changed("response_format", value=None), id="null format"),
        pytest.param(_changed("response_format", "json_schema", "name", value="a b"), id="schema name"),
        pytest.param(_without("stream"), id="stream_options without stream"),
        pytest.param(_without("logprobs"), id="top_logprobs without logprobs"),
        pytest.param(_changed("temperature", value=2.5), id="temperature"),
        pytest.param(_changed("max_tokens", value=5), id="two limits"),
        pytest.param(_changed("store_it", value=True), id="unknown key"),
    ],
)
def test_r2_refuses(body: Json) -> None:
    with pytest.raises(AssertionError, match=r"^R2: "):
        check_chat_request(body)


def test_a_dialects_own_keys_are_taken_when_named() -> None:
    body = {**FULL, "thinking": {"type": "enabled"}}
    body["messages"] = [*FULL["messages"], {"role": "assistant", "content": "x", "reasoning_content": "y"}]
    check_chat_request(body, extra=["thinking", "reasoning_content"])
