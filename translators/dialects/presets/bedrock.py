"""Bedrock's OpenAI endpoints."""

from __future__ import annotations

from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "bedrock",
    facts(
        audio="none",
        files=frozenset(),
        params=frozenset({"temperature", "top_p"}),
        max_tokens_field="max_completion_tokens",
        parallel_tool_calls="never",
        reasoning_controls=(),
        reasoning_replay="never",
        think_tags=("reasoning", "think"),
    ),
    hosts=("bedrock-*.amazonaws.com", "bedrock-*.api.aws"),
    models=(when(r"gpt-oss", reasoning_controls=("effort",)),),
)
