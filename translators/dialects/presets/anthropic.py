"""Anthropic's compatible endpoint, which ignores formats and `strict` in silence."""

from __future__ import annotations

from translators.dialects.listed import Listed
from translators.dialects.preset import facts, preset

PRESET = preset(
    "anthropic",
    facts(
        developer_role=True,
        audio="none",
        files=frozenset(),
        params=frozenset({"temperature", "top_p"}),
        max_temperature=1.0,
        params_without_reasoning=frozenset({"temperature", "top_p"}),
        tool_choice_when_thinking="thinking_off",
        structured="tool",
        json_object=False,
        reasoning_controls=("thinking_budget_object",),
        reasoning_replay="never",
    ),
    hosts=("api.anthropic.com",),
    listed=Listed(fields=("type", "display_name", "created_at")),
)
