"""A good stream written by hand: reasoning, text and a refusal, two interleaved calls, a custom call."""

from __future__ import annotations

import json

from tests.support.grammar import Json

REASONING: Json = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "Two cities."}],
    "content": [{"type": "reasoning_text", "text": "Ask for both."}],
}
MESSAGE: Json = {
    "type": "message",
    "id": "msg_1",
    "status": "completed",
    "role": "assistant",
    "content": [
        {
            "type": "output_text",
            "text": "Looking up",
            "annotations": [{"type": "url_citation", "url": "https://a.example/", "title": "A"}],
            "logprobs": [
                {"token": "Looking", "logprob": -0.5, "bytes": [76], "top_logprobs": []},
                {"token": " up", "logprob": -0.1, "bytes": [32], "top_logprobs": []},
            ],
        },
        {"type": "refusal", "refusal": "No."},
    ],
}


def call(number: int, status: str, arguments: str) -> Json:
    return {
        "type": "function_call",
        "id": f"fc_{number}",
        "call_id": f"call_{number}",
        "name": "get_weather",
        "arguments": arguments,
        "status": status,
    }


PARIS = call(1, "completed", '{"city":"Paris"}')
OSLO = call(2, "completed", '{"city":"Oslo"}')
PATCH: Json = {
    "type": "custom_tool_call",
    "id": "ctc_1",
    "call_id": "call_3",
    "name": "apply_patch",
    "input": "*** Begin",
    "status": "completed",
}
OUTPUT: list[Json] = [REASONING, MESSAGE, PARIS, OSLO, PATCH]
USAGE = {
    "input_tokens": 10,
    "output_tokens": 5,
    "total_tokens": 15,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens_details": {"reasoning_tokens": 2},
}


def response(status: str, output: list[Json]) -> Json:
    ended = status in ("completed", "incomplete", "failed")
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1700000000,
        "completed_at": 1700000001 if status == "completed" else None,
        "status": status,
        "error": {"code": "server_error", "message": "the upstream broke off"} if status == "failed" else None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "model": "m",
        "output": output,
        "usage": USAGE if ended else None,
        "tools": [{"type": "function", "name": "get_weather", "description": None, "parameters": {}, "strict": True}],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "max_tool_calls": None,
        "max_output_tokens": None,
        "instructions": None,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "text": {"format": {"type": "text"}},
        "temperature": 1.0,
        "top_p": 1.0,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "top_logprobs": 0,
        "truncation": "disabled",
        "store": True,
        "background": False,
        "service_tier": "default",
        "metadata": {},
        "safety_identifier": None,
        "prompt_cache_key": None,
    }


def at(item: Json, index: int, **more: object) -> Json:
    return {"item_id": item["id"], "output_index": index, **more}


def numbered(*events: Json) -> list[Json]:
    """The events with their numbers, sharing no object with each other."""
    plain: list[Json] = json.loads(json.dumps([{**event, "sequence_number": n} for n, event in enumerate(events)]))
    return plain


STARTED = [
    {"type": "response.created", "response": response("in_progress", [])},
    {"type": "response.in_progress", "response": response("in_progress", [])},
]
ADDED_CALLS = [
    {"type": "response.output_item.added", "output_index": 2, "item": call(1, "in_progress", "")},
    {"type": "response.function_call_arguments.delta", **at(PARIS, 2, delta='{"city"')},
    {"type": "response.output_item.added", "output_index": 3, "item": call(2, "in_progress", "")},
    {"type": "response.function_call_arguments.delta", **at(OSLO, 3, delta='{"city":"Oslo"}')},
    {"type": "response.function_call_arguments.delta", **at(PARIS, 2, delta=':"Paris"}')},
]
SUMMARY = at(REASONING, 0, summary_index=0)
THOUGHT = at(REASONING, 0, content_index=0)
TEXT = at(MESSAGE, 1, content_index=0)
REFUSAL = at(MESSAGE, 1, content_index=1)
EMPTY_TEXT = {"type": "output_text", "text": "", "annotations": []}
FIRST_LOGPROB = {"token": "Looking", "logprob": -0.5}
SECOND_LOGPROB = {"token": " up", "logprob": -0.1}

GOOD = numbered(
    *STARTED,
    {"type": "response.output_item.added", "output_index": 0, "item": {**REASONING, "summary": [], "content": []}},
    {"type": "response.reasoning_summary_part.added", **SUMMARY, "part": {"type": "summary_text", "text": ""}},
    {"type": "response.reasoning_summary_text.delta", **SUMMARY, "delta": "Two "},
    {"type": "response.reasoning_summary_text.delta", **SUMMARY, "delta": "cities."},
    {"type": "response.reasoning_summary_text.done", **SUMMARY, "text": "Two cities."},
    {"type": "response.reasoning_summary_part.done", **SUMMARY, "part": REASONING["summary"][0]},
    {"type": "response.content_part.added", **THOUGHT, "part": {"type": "reasoning_text", "text": ""}},
    {"type": "response.reasoning_text.delta", **THOUGHT, "delta": "Ask for both."},
    {"type": "response.reasoning_text.done", **THOUGHT, "text": "Ask for both."},
    {"type": "response.content_part.done", **THOUGHT, "part": REASONING["content"][0]},
    {"type": "response.output_item.done", "output_index": 0, "item": REASONING},
    {
        "type": "response.output_item.added",
        "output_index": 1,
        "item": {**MESSAGE, "status": "in_progress", "content": []},
    },
    {"type": "response.content_part.added", **TEXT, "part": EMPTY_TEXT},
    {"type": "response.output_text.delta", **TEXT, "delta": "Looking", "logprobs": [FIRST_LOGPROB]},
    {
        "type": "response.output_text.annotation.added",
        **TEXT,
        "annotation_index": 0,
        "annotation": MESSAGE["content"][0]["annotations"][0],
    },
    {"type": "response.output_text.delta", **TEXT, "delta": " up", "logprobs": [SECOND_LOGPROB]},
    {"type": "response.output_text.done", **TEXT, "text": "Looking up", "logprobs": [FIRST_LOGPROB, SECOND_LOGPROB]},
    {"type": "response.content_part.done", **TEXT, "part": MESSAGE["content"][0]},
    {"type": "response.content_part.added", **REFUSAL, "part": {"type": "refusal", "refusal": ""}},
    {"type": "response.refusal.delta", **REFUSAL, "delta": "No."},
    {"type": "response.refusal.done", **REFUSAL, "refusal": "No."},
    {"type": "response.content_part.done", **REFUSAL, "part": MESSAGE["content"][1]},
    {"type": "response.output_item.done", "output_index": 1, "item": MESSAGE},
    *ADDED_CALLS,
    {
        "type": "response.function_call_arguments.done",
        **at(PARIS, 2, name="get_weather", arguments='{"city":"Paris"}'),
    },
    {"type": "response.output_item.done", "output_index": 2, "item": PARIS},
    {"type": "response.function_call_arguments.done", **at(OSLO, 3, name="get_weather", arguments='{"city":"Oslo"}')},
    {"type": "response.output_item.done", "output_index": 3, "item": OSLO},
    {
        "type": "response.output_item.added",
        "output_index": 4,
        "item": {**PATCH, "status": "in_progress", "input": ""},
    },
    {"type": "response.custom_tool_call_input.delta", **at(PATCH, 4, delta="*** Begin")},
    {"type": "response.custom_tool_call_input.done", **at(PATCH, 4, input="*** Begin")},
    {"type": "response.output_item.done", "output_index": 4, "item": PATCH},
    {"type": "response.completed", "response": response("completed", OUTPUT)},
)


def cut_short(status: str) -> list[Json]:
    """GOOD, broken off while its two function calls are open."""
    head = GOOD[: 2 + next(n for n, event in enumerate(GOOD) if event.get("item") == MESSAGE) - 1]
    final = [REASONING, MESSAGE, {**PARIS, "status": "incomplete"}, {**OSLO, "status": "incomplete"}]
    return numbered(*head, *ADDED_CALLS, {"type": f"response.{status}", "response": response(status, final)})
