"""Cerebras: every unknown key is a 400."""

from __future__ import annotations

from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "cerebras",
    facts(
        system_placement="anywhere",
        images=frozenset(),
        audio="none",
        files=frozenset(),
        params=frozenset({"temperature", "top_p", "logprobs", "top_logprobs", "user"}),
        max_tokens_field="max_completion_tokens",
        parallel_tool_calls="never",
        strict_tools=True,
        mixed_strict=False,
        reasoning_controls=(),
        reasoning_replay="never",
        reasoning_field="reasoning",
    ),
    hosts=("api.cerebras.ai",),
    models=(
        when(
            r"gpt-oss",
            reasoning_controls=("effort",),
            efforts=("low", "medium", "high"),
            reasoning_replay="tool_turns",
        ),
        when(
            r"glm",
            reasoning_controls=("effort",),
            reasoning_replay="all",
            reasoning_field="think_tags",
            extra_body={"clear_thinking": False},
        ),
    ),
)
