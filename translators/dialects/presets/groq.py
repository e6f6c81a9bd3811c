"""Groq."""

from __future__ import annotations

from translators.dialects.dialect import SAMPLING
from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "groq",
    facts(
        system_placement="anywhere",
        empty_content="omit",
        audio="none",
        files=frozenset(),
        params=SAMPLING | {"user", "service_tier"},
        max_tokens_field="max_completion_tokens",
        structured_with_tools=False,
        reasoning_controls=(),
        reasoning_replay="never",
        reasoning_field="reasoning",
    ),
    hosts=("api.groq.com",),
    models=(
        when(
            r"gpt-oss",
            reasoning_controls=("effort",),
            efforts=("low", "medium", "high"),
            always_thinks=True,
            reasoning_replay="tool_turns",
        ),
        when(
            r"qwen3",
            reasoning_controls=("effort",),
            efforts=("none", "default"),
            effort_names=dict.fromkeys(("minimal", "low", "medium", "high", "xhigh", "max"), "default"),
        ),
    ),
)
