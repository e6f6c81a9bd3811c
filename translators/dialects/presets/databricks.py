"""Databricks' serving endpoints.

Where its facts are from:
- https://github.com/BerriAI/litellm/blob/main/litellm/llms/databricks/chat/transformation.py: `empty_content`,
  `structured`, `json_object`, `reasoning_controls`
- BerriAI/litellm#31633, tidyverse/ellmer#1108 and maximhq/bifrost#6958: `images`, `calls_per_message`
- Aider-AI/aider#1920: `alternate_roles`
- https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking, whose rules its Claude keeps:
  `max_temperature`, `tool_choice_when_thinking`, `params_without_reasoning`
- no page says that it takes more, so the careful choice: `audio`, `files`, `params`, `reasoning_replay`
"""

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
