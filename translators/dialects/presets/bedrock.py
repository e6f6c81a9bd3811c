"""Bedrock's OpenAI endpoints."""

from __future__ import annotations

from translators.dialects.preset import preset, when

PRESET = preset(
    "bedrock",
    hosts=("bedrock-*.amazonaws.com", "bedrock-*.api.aws"),
    audio="none",
    files=frozenset(),
    params=frozenset({"temperature", "top_p"}),
    max_tokens_field="max_completion_tokens",
    parallel_tool_calls="never",
    reasoning_controls=(),
    reasoning_replay="never",
    think_tags=("reasoning", "think"),
    models=(when(r"gpt-oss", reasoning_controls=("effort",)),),
)
