"""`Dialect`: every fact about a backend that the translation depends on, as one frozen value.

A fact is data: presets set it, configuration may override it, one small function somewhere obeys it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

# What almost every Chat Completions server takes, whoever made it.
COMMON_PARAMS = frozenset(
    {
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "logprobs",
        "top_logprobs",
        "reasoning_effort",
        "response_format",
    }
)


class Dialect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str = "generic"
    # Roles and content
    developer_role: bool = False  # knows the role `developer`; otherwise that text goes as `system`
    system_placement: Literal["anywhere", "leading"] = "leading"  # chat templates often take one, at the front
    text_content: Literal["string", "parts"] = "string"  # how several text parts of one message travel
    empty_content: Literal["null", "empty", "omit"] = "empty"  # assistant content beside tool calls
    refusal_field: bool = False  # assistant messages may carry `refusal`; otherwise it goes as text
    images: frozenset[str] = frozenset({"data", "http"})  # kinds of image URL
    audio: bool = True
    files: frozenset[str] = frozenset({"data"})  # `data` (inline), `id`
    # Parameters
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    params: frozenset[str] = COMMON_PARAMS  # optional Chat parameters it takes
    stream_usage: Literal["option", "implicit"] = "option"  # `stream_options.include_usage`, or unasked
    # Tools
    tool_choice: frozenset[str] = frozenset({"auto", "none", "required", "named"})
    parallel_tool_calls: Literal["false_only", "never", "always"] = "false_only"
    strict_tools: bool = False
    # Reasoning
    reasoning_replay: Literal["never", "tool_turns", "all"] = "tool_turns"
    reasoning_field: Literal["reasoning_content", "reasoning"] = "reasoning_content"
