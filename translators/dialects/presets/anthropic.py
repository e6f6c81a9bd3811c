"""Anthropic's compatible endpoint, which ignores formats and `strict` in silence.

Where its facts are from:
- https://platform.claude.com/docs/en/cli-sdks-libraries/libraries/openai-sdk: `developer_role`, `params`,
  `max_temperature`, `audio`, `structured`, `json_object`, `reasoning_controls`, `reasoning_replay`
- https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking and usestrix/strix#505:
  `params_without_reasoning`, `tool_choice_when_thinking`
- recalled, from no page that was read: `files`
"""

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
