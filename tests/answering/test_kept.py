"""A3: what a backend wants back comes back to where it stood, byte for byte, stored and replayed alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from tests.support.chat_backend import Answer, ChatBackend, json_answer, sse_answer
from tests.support.checks import check_events, check_frames
from tests.support.drive import WEATHER, Stream, delta, translate
from tests.support.live import USAGE
from tests.support.running import config_for, read_config, running
from tests.support.translation import Json
from translators.dialects import PRESETS

COUNTED: Json = {"choices": [], "usage": USAGE}
CALL: Json = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"a":"1"}'}}
SIGNED: Json = {"google": {"thought_signature": "SIG1"}}
FOR_CALLS: Json = {"provider_specific_fields": {"thought_signature": "SIG1"}}
THINKING: Json = {"type": "thinking", "thinking": "I should call.", "signature": "EqQB"}
REDACTED: Json = {"type": "redacted_thinking", "data": "b3BhcXVl"}


def calls(*deltas: Json) -> list[Json]:
    return [*(delta(**each) for each in deltas), delta("tool_calls"), COUNTED]


def whole(message: Json) -> list[Json]:
    message = {"role": "assistant", "content": None, **message}
    return [{"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}], "usage": USAGE}]


# What the upstream answers, and what its message must hold when it comes back.
CASES: dict[str, tuple[list[Json], Json]] = {
    "copilot": (
        calls(
            {"reasoning_text": "I should "},
            {"reasoning_text": "look.", "reasoning_opaque": "U0lH"},
            {"tool_calls": [CALL]},
        ),
        {"reasoning_text": "I should look.", "reasoning_opaque": "U0lH"},
    ),
    "copilot, a signature behind the call": (
        calls({"reasoning_text": "I should look."}, {"tool_calls": [CALL]}, {"reasoning_opaque": "U0lH"}),
        {"reasoning_text": "I should look.", "reasoning_opaque": "U0lH"},
    ),
    "copilot, no signature": (
        calls({"reasoning_text": "I should look."}, {"tool_calls": [CALL]}),
        {"reasoning_text": "I should look."},
    ),
    "copilot, a signature alone": (
        calls({"reasoning_opaque": "U0lH", "tool_calls": [CALL]}),
        {"reasoning_opaque": "U0lH"},
    ),
    "litellm before claude, whole": (
        whole({"reasoning_content": "I should call.", "thinking_blocks": [THINKING, REDACTED], "tool_calls": [CALL]}),
        {"thinking_blocks": [THINKING, REDACTED], "reasoning_content": "I should call."},
    ),
    "litellm before claude, two thoughts without signatures": (
        whole(
            {"thinking_blocks": [{**THINKING, "signature": ""}, {**THINKING, "signature": ""}], "tool_calls": [CALL]}
        ),
        {"thinking_blocks": [{**THINKING, "signature": ""}, {**THINKING, "signature": ""}]},
    ),
    "litellm before claude, streamed": (
        calls(
            {
                "reasoning_content": "I should",
                "thinking_blocks": [{**THINKING, "thinking": "I should", "signature": None}],
            },
            {"reasoning_content": " call.", "thinking_blocks": [{**THINKING, "thinking": " call.", "signature": None}]},
            {"reasoning_content": "", "thinking_blocks": [{**THINKING, "thinking": ""}]},
            {"thinking_blocks": [REDACTED]},
            {"tool_calls": [CALL]},
        ),
        {"thinking_blocks": [THINKING, REDACTED], "reasoning_content": "I should call."},
    ),
    "litellm's blocks among its own fields": (
        whole({"provider_specific_fields": {"thinking_blocks": [THINKING]}, "tool_calls": [CALL]}),
        {"thinking_blocks": [THINKING], "reasoning_content": "I should call."},
    ),
    "gemini, on the call": (
        calls({"tool_calls": [{**CALL, "extra_content": SIGNED}]}),
        {"tool_calls": [{"extra_content": SIGNED}]},
    ),
    "gemini, behind the call": (
        calls({"tool_calls": [CALL]}, {"tool_calls": [{"extra_content": SIGNED}]}),
        {"tool_calls": [{"extra_content": SIGNED}]},
    ),
    "gemini, behind the call of a whole answer": (
        whole({"tool_calls": [CALL, {"extra_content": SIGNED}]}),
        {"tool_calls": [{"extra_content": SIGNED}]},
    ),
    "gemini, on the message": (
        calls({"content": "hm"}, {"tool_calls": [CALL]}, {"extra_content": SIGNED}),
        {"extra_content": SIGNED, "content": "hm"},
    ),
    "litellm before gemini": (
        calls({"tool_calls": [{**CALL, **FOR_CALLS}]}),
        {"tool_calls": [FOR_CALLS]},
    ),
    "litellm before gemini, on the function": (
        calls({"tool_calls": [{**CALL, "function": {**CALL["function"], **FOR_CALLS}}]}),
        {"tool_calls": [{"function": {**CALL["function"], **FOR_CALLS}}]},
    ),
    "litellm before gemini, on the message": (
        calls({"provider_specific_fields": {"thought_signatures": ["SIG1"]}, "tool_calls": [CALL]}),
        {"provider_specific_fields": {"thought_signatures": ["SIG1"]}},
    ),
    "a gateway of its own": (
        calls({"tool_calls": [{**CALL, "thought_signature": "SIG1"}]}),
        {"tool_calls": [{"thought_signature": "SIG1"}]},
    ),
}
SPOKEN = sse_answer([delta(content="done"), delta("stop"), COUNTED])


def answer_of(chunks: list[Json]) -> Answer:
    return json_answer(chunks[0]) if "message" in chunks[0]["choices"][0] else sse_answer(chunks)


def holds(found: Any, expected: Any) -> bool:
    """Whether all that is expected is there, to the letter."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(holds(found.get(name), value) for name, value in expected.items())
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(holds, found, expected))
    return bool(found == expected)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kept", ["stored", "replayed", "replayed, sealed"])
async def test_a3_it_comes_back_on_the_next_turn(tmp_path: Path, case: str, kept: str) -> None:
    chunks, expected = CASES[case]
    async with ChatBackend(strict=False) as backend:
        backend.script(answer_of(chunks), SPOKEN)
        settings = config_for(backend)
        async with (
            running(read_config(settings, tmp_path)) as url,
            httpx2.AsyncClient(base_url=url, timeout=60) as http,
        ):
            first: Json = {"model": "m", "input": "go", "tools": [WEATHER], "stream": "choices" in chunks[-1]}
            if kept != "stored":
                first["store"] = False
            if kept == "replayed, sealed":
                first["include"] = ["reasoning.encrypted_content"]
            found = await http.post("/v1/responses", json=first)
            response = check_events(check_frames(found.content)) if first["stream"] else found.json()
            outputs: list[Json] = [{"type": "function_call_output", "call_id": "call_1", "output": "ok"}]
            if kept == "stored":
                again = {**first, "previous_response_id": response["id"], "input": outputs}
            else:
                again = {**first, "input": [{"role": "user", "content": "go"}, *response["output"], *outputs]}
            await http.post("/v1/responses", json={**again, "stream": True})
        message = backend.requests[1].json["messages"][1]
        assert message["role"] == "assistant"
        assert holds(message, expected), message
        if "reasoning_text" in expected:
            assert "reasoning_content" not in message


def output_of(chunks: list[Json], **settings: Any) -> list[Json]:
    request = {"tools": [WEATHER], "include": ["reasoning.encrypted_content"]}
    return Stream(request, **settings).feed(*chunks).finish().output


@pytest.mark.parametrize("case", CASES)
def test_another_model_or_dialect_gets_nothing_of_it(case: str) -> None:
    outputs = [{"type": "function_call_output", "call_id": "call_1", "output": "ok"}]
    items = [{"role": "user", "content": "q"}, *output_of(CASES[case][0]), *outputs]
    for words in ("SIG1", "U0lH", "EqQB"):
        mistral = translate({"input": items}, dialect=PRESETS["mistral"]).body().decode()
        assert words not in mistral
    assert "reasoning_text" not in mistral


def test_a_signature_behind_the_text_leaves_the_answer_one_final_message() -> None:
    output = output_of([delta(content="hi"), delta(content=" there"), delta(extra_content=SIGNED), delta("stop")])
    assert [item["type"] for item in output] == ["message", "reasoning"]
    assert output[0]["phase"] == "final_answer"
    again = translate({"input": [{"role": "user", "content": "q"}, *output, {"role": "user", "content": "r"}]})
    message = json.loads(again.body())["messages"][1]
    assert (message["content"], message["extra_content"]) == ("hi there", SIGNED)


def test_gemini_s_mark_of_a_thought_is_nothing_to_keep() -> None:
    marked = delta(content="<think>hm</think>hi", extra_content={"google": {"thought": True}})
    assert [item["type"] for item in output_of([marked, delta("stop")])] == ["reasoning", "message"]
    assert len(output_of([delta(content="hi", extra_content={"google": {"thought": True}}), delta("stop")])) == 1


def test_what_an_upstream_refuses_does_not_go_back() -> None:
    items = [{"role": "user", "content": "q"}, *output_of(CASES["copilot"][0])]
    outputs = [{"type": "function_call_output", "call_id": "call_1", "output": "ok"}]
    refusing = replace(PRESETS["generic"], message_extras=False)
    sent = translate({"input": [*items, *outputs]}, dialect=refusing).body().decode()
    assert "reasoning_opaque" not in sent
    assert "I should look." in sent
