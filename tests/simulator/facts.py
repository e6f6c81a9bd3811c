"""`Facts`: what is known of a real backend, in its own terms: what it refuses and in which quirks it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]

CORE = frozenset(
    {
        *("model", "messages", "stream", "stream_options", "temperature", "top_p", "stop", "n", "tools", "tool_choice"),
        *("response_format", "max_tokens", "max_completion_tokens"),
    }
)
PENALTIES = frozenset({"presence_penalty", "frequency_penalty"})
LOGPROBS = frozenset({"logprobs", "top_logprobs"})
OPENAI = CORE | PENALTIES | LOGPROBS
OPENAI |= {
    *("audio", "logit_bias", "metadata", "modalities", "parallel_tool_calls", "prediction", "prompt_cache_key"),
    *("prompt_cache_retention", "reasoning_effort", "safety_identifier", "seed", "service_tier", "store", "user"),
    *("verbosity", "web_search_options"),
}

Reasoning = Literal[
    "none", "reasoning_content", "reasoning", "details", "cumulative_details", "tags", "parts", "summary"
]
Replay = Literal["ignored", "refused", "wanted_with_calls", "wanted_always"]
Calls = Literal["pieces", "whole", "no_index", "empty_ids", "interleaved"]
UsagePlace = Literal["asked", "last_chunk", "every_chunk", "x_groq", "in_choice", "without_choices", "none"]
Shape = Literal[
    "openai",
    "int_code",
    "class_name",
    "flat",
    "flat_bare",
    "array",
    "code_and_text",
    "text_and_type",
    "error_code",
    "metadata_raw",
    "problem",
    "base_resp",
]


@dataclass(frozen=True, kw_only=True)
class Facts:
    model: str
    # What it refuses
    knows: frozenset[str] | None = None  # None: it ignores what it does not know
    refuses: frozenset[str] = frozenset()
    length: frozenset[str] = frozenset({"max_tokens", "max_completion_tokens"})  # names that have an effect
    auth_header: str = "authorization"
    developer: bool = False
    late_system: bool = True
    alternates: bool = False
    user_behind_tool: bool = True
    needs_user: bool = False
    last_may_be_assistant: bool = True
    parts: bool = True  # content of users as a list
    null_content: bool = True
    blank_content: bool = True
    text_beside_calls: bool = True
    calls_a_turn: int = 100
    call_id: str = r".+"
    images: frozenset[str] = frozenset({"data", "http"})
    files: bool = False
    tools: bool = True
    choices: frozenset[str] = frozenset({"auto", "none", "required", "named"})
    ignores_choice: bool = False
    choices_thinking: frozenset[str] | None = None  # what is left of them while it thinks
    required_word: str = "required"
    strict: Literal["taken", "ignored", "refused", "all_or_none"] = "ignored"
    schema_refuses: frozenset[str] = frozenset()  # keywords
    formats: frozenset[str] = frozenset({"json_object", "json_schema"})
    ignores_format: bool = False
    format_beside_tools: bool = True
    efforts: frozenset[str] | None = None  # None: any word, or the field is not known
    max_temperature: float = 2.0
    only_temperature: float | None = None
    thinks: Literal["never", "asked", "unless_told", "always"] = "never"
    replay_field: str = ""  # where it wants its reasoning back
    replay: Replay = "ignored"
    keep: tuple[str, Any] | None = None  # what `thinking` must say lest earlier turns' reasoning is thrown away
    message_fields: frozenset[str] | None = None  # None: it ignores what it does not know
    signature: bool = False  # calls come with one and must come back with it
    # How it answers
    parallel_unasked: bool = True
    parallel: bool = True
    reasoning: Reasoning = "none"
    tag: str = "think"
    calls: Calls = "pieces"
    ids: str = "call_{}"
    usage: UsagePlace = "asked"
    reasoning_beside_completion: bool = False  # completion_tokens do not count it
    finish_stop: str | None = "stop"
    finish_calls: str = "tool_calls"
    done: bool = True
    comments: bytes = b""
    first: Json | None = None
    behind_finish: Json | None = None
    errors: Shape = "openai"
    status: int = 400
    overflow: str = (
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
    )
