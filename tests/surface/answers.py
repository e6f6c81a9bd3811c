"""`answer_rows()`: what becomes of every field that a Chat answer may have, found out by reading answers with it.

`read`: the response differs by it. `reported`: it is left out, and told of. `left out`: it says nothing of the answer.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from tests.support.translation import Json, Run, without_ids
from tests.surface.answer_notes import COUNT_NOTES, NOTES, READ_WITH_OTHERS
from translators.answering import counts
from translators.answering.ending import FINISHES
from translators.recovery import upstream_errors
from translators.schema import chat

UNKNOWN = "anything else"
REQUEST: Json = {
    "model": "m",
    "input": "hi",
    "include": ["message.output_text.logprobs"],
    "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
}
LEVELS: dict[str, type[Struct]] = {
    "chunk": chat.ChatChunk,
    "choice": chat.Choice,
    "delta": chat.Delta,
    "tool call": chat.ToolCallDelta,
    "function": chat.FunctionDelta,
    "error": upstream_errors.Said,
}
CALL: Json = {"index": 0, "id": "call_1", "function": {"name": "f", "arguments": "{}"}}
OTHER_CALL: Json = {"index": 0, "function": {"name": "f", "arguments": "{}"}}
TEXT_LOGPROBS: Json = {"content": [{"token": "hi", "logprob": -1.0}]}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
ADDRESS = "https://example.com/"

# What to put at a level for a field; for all others a text.
SAMPLES: dict[str, dict[str, Json]] = {
    "chunk": {
        "choices": {"choices": [{"index": 0, "delta": {"content": "more"}}]},
        "usage": {"usage": {"prompt_tokens": 1, "completion_tokens": 1}},
        "x_groq": {"x_groq": {"usage": {"prompt_tokens": 1, "completion_tokens": 1}}},
        "error": {"error": {"message": "no"}},
        "base_resp": {"base_resp": {"status_code": 1002, "status_msg": "no"}},
        "service_tier": {"service_tier": "flex"},
        "citations": {"citations": [ADDRESS]},
        "search_results": {"search_results": [{"url": ADDRESS}]},
        "web_search": {"web_search": [{"link": ADDRESS}]},
        "search_info": {"search_info": {"search_results": [{"url": ADDRESS}]}},
        **{
            name: {"choices": None, "object": "error", "message": "no", "code": 500, name: value}
            for name, value in {"object": "error", "message": "another", "code": 429}.items()
        },
    },
    "choice": {
        "delta": {"delta": {"content": "more"}},
        "message": {"delta": None, "message": {"content": "more"}},
        "text": {"delta": None, "text": "more"},
        "finish_reason": {"finish_reason": "length"},
        "logprobs": {"logprobs": TEXT_LOGPROBS},
        "usage": {"usage": {"prompt_tokens": 1, "completion_tokens": 1}},
        "error": {"error": {"message": "no"}},
        "index": {"index": 0},
    },
    "delta": {
        "reasoning_details": {"reasoning_details": [{"type": "reasoning.encrypted", "data": "a"}]},
        "thinking_blocks": {"thinking_blocks": [{"type": "thinking", "thinking": "a", "signature": "b"}]},
        "tool_calls": {"tool_calls": [CALL]},
        "function_call": {"function_call": {"name": "f", "arguments": "{}"}},
        "annotations": {"annotations": [{"type": "url_citation", "url_citation": {"url": ADDRESS}}]},
        "images": {"images": [{"image_url": {"url": PIXEL}}]},
        "audio": {"audio": {"data": "UklGRg=="}},
        "extra_content": {"extra_content": {"google": {"thought_signature": "a"}}},
        "provider_specific_fields": {"provider_specific_fields": {"thought_signatures": ["a"]}},
    },
    "tool call": {
        "index": {"index": 1},
        "type": {"type": "function"},
        "function": {"function": {"name": "f", "arguments": '{"a":1}'}},
        "extra_content": {"extra_content": {"google": {"thought_signature": "a"}}},
        "provider_specific_fields": {"provider_specific_fields": {"thought_signature": "a"}},
    },
    "error": {
        "metadata": {"metadata": {"raw": "another"}},
        "base_resp": {"message": None, "base_resp": {"status_msg": "another"}},
        "error": {"message": None, "error": "another"},
        "code": {"code": "insufficient_quota"},
        "type": {"type": "insufficient_quota"},
        "status_code": {"status_code": 1002},
        **{name: {"message": None, name: "another"} for name in ("msg", "detail", "title", "status_msg")},
    },
    "function": {
        "arguments": {"arguments": '{"a":1}'},
        "provider_specific_fields": {"provider_specific_fields": {"thought_signature": "a"}},
    },
}


@dataclass(frozen=True)
class AnswerRow:
    level: str
    name: str
    outcome: str
    note: str


def answer_rows() -> Iterator[AnswerRow]:
    for level, kind in LEVELS.items():
        for name in sorted({*kind.__struct_fields__, *chat.BESIDE.get(kind, ())}):
            yield AnswerRow(level, name, _outcome(level, name), NOTES[level].get(name, ""))
        yield AnswerRow(level, UNKNOWN, _outcome(level, "made_up"), "")


def _outcome(level: str, name: str) -> str:
    if name in READ_WITH_OTHERS.get(level, ()):
        return "read"
    fields = SAMPLES[level].get(name, {name: "another"})
    response, told = _answered(level, fields)
    before, _ = _answered(level, {})
    if response != before:
        return "read"
    return "reported" if told else "left out"


def _answered(level: str, fields: Mapping[str, Any]) -> tuple[Json, list[str]]:
    """The response to an answer with these fields at the level, and what was told of it."""
    call: Json = copy.deepcopy(CALL)
    delta: Json = {"content": "hi"}
    if level in ("tool call", "function"):
        delta["tool_calls"] = [call]
    choice: Json = {"index": 0, "delta": delta, "finish_reason": None}
    error: Json = {"message": "no"}
    chunk: Json = {"choices": [choice], **({"error": error} if level == "error" else {})}
    places = {"chunk": chunk, "choice": choice, "delta": delta, "tool call": call, "function": call["function"]}
    (places | {"error": error})[level].update(fields)
    run = Run(REQUEST).feed({"choices": [{"index": 0, "delta": {"content": "so "}}]}, chunk)
    response = without_ids(
        run.feed({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}).finish().response
    )
    return response, [str(each) for each in run.stream.adaptations if "usage" not in each.param]


def count_rows() -> Iterator[tuple[str, str, str]]:
    """A count, its spellings, and a word on it."""
    for count, spelled in counts.SPELLINGS.items():
        yield count, spelled, COUNT_NOTES.get(count, "")


def finish_rows() -> Iterator[tuple[str, tuple[str, ...]]]:
    """How a response ends, and the finish reasons that say so."""
    for ending, words in FINISHES.items():
        detail = ending.reason or ending.error
        yield (
            ending.status + (f", `{detail}`" if detail else "") + (", asked again first" if ending.passing else ""),
            words,
        )
