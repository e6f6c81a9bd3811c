"""Mistral's own API: every unknown key is a 422.

Where its facts are from:
- Gitlawb/openclaude#739 and charmbracelet/crush#1590: `params`, `reasoning_replay`
- 0xPlaygrounds/rig#1130: `bridge_after_tool`, `prefix_field`
- https://github.com/vercel/ai/tree/main/packages/mistral/src: `files`, `stream_usage`, `tool_choice`, `required_word`,
  `strict_tools`, `tool_name_field`, `reasoning_controls`, `efforts`, `reasoning_field`, `reasoning_replay`,
  `prefix_field`
- anomalyco/opencode#1680: `tool_call_id`
- https://github.com/can1357/oh-my-pi/blob/main/packages/catalog/src/compat/openai.ts: `system_placement`,
  `tool_name_field`
- the shape of its thoughts: fixtures/made-mistral-thinking
"""

from __future__ import annotations

from translators.dialects.dialect import SAMPLING
from translators.dialects.listed import Listed
from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "mistral",
    facts(
        system_placement="anywhere",
        bridge_after_tool=True,
        prefix_field=True,
        files=frozenset({"document_url"}),
        params=SAMPLING,
        stream_usage="implicit",
        tool_choice=frozenset({"auto", "none", "required"}),
        required_word="any",
        strict_tools=True,
        tool_name_field=True,
        tool_call_id="alnum9",
        reasoning_controls=(),
        reasoning_replay="never",
    ),
    hosts=("api.mistral.ai", "codestral.mistral.ai"),
    listed=Listed(fields=("capabilities", "max_context_length", "aliases")),
    models=(
        when(
            r"small-latest|medium-3\.5",
            reasoning_controls=("effort",),
            efforts=("none", "high"),
            reasoning_replay="all",
            reasoning_field="content_parts",
        ),
        when(r"magistral", reasoning_replay="all", reasoning_field="content_parts"),
    ),
)
