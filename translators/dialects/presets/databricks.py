"""Databricks' serving endpoints."""

from __future__ import annotations

from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "databricks",
    facts(
        empty_content="omit",
        calls_per_message="one",
        audio="none",
        files=frozenset(),
        params=frozenset({"temperature", "top_p"}),
        reasoning_replay="never",
    ),
    hosts=("*.cloud.databricks.com", "*.azuredatabricks.net", "*.gcp.databricks.com"),
    models=(
        when(
            r"claude",
            images=frozenset({"data"}),
            max_temperature=1.0,
            structured="tool",
            json_object=False,
            tool_choice_when_thinking="thinking_off",
            params_without_reasoning=frozenset({"temperature", "top_p"}),
            reasoning_controls=("thinking_budget_object",),
        ),
        when(r"llama", alternate_roles=True, reasoning_controls=()),
    ),
)
