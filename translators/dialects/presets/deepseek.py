"""DeepSeek's own API.

Where its facts are from:
- https://api-docs.deepseek.com/guides/thinking_mode.md: `reasoning_controls`, `efforts`, `effort_names`,
  `thinks_by_default`, `reasoning_replay`
- anomalyco/opencode#24135 and NousResearch/hermes-agent#15228: `reasoning_replay`
- deepseek-ai/DeepSeek-V3#1376: `tool_choice_when_thinking`
- https://github.com/vercel/ai/tree/main/packages/deepseek/src: `structured`, `images`, `reasoning_filler`
- https://github.com/earendil-works/pi/blob/main/packages/ai/src/api/openai-completions.ts: `reasoning_filler`
- https://github.com/can1357/oh-my-pi/blob/main/packages/catalog/src/compat/openai.ts: `system_placement`, `images`
- no page says that it takes more, so the careful choice: `audio`, `files`, `parallel_tool_calls`
- the shape of its thoughts: fixtures/made-deepseek-reasoning-call
"""

from __future__ import annotations

from translators.dialects.listed import Listed
from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "deepseek",
    facts(
        system_placement="anywhere",
        images=frozenset(),
        audio="none",
        files=frozenset(),
        tool_choice_when_thinking="thinking_off",
        parallel_tool_calls="never",
        structured="json_object",
        reasoning_controls=("thinking_type", "effort"),
        efforts=("low", "high", "max"),
        effort_names={"xhigh": "high"},
        thinks_by_default=True,
        reasoning_replay="all",
        reasoning_filler="",
    ),
    hosts=("api.deepseek.com",),
    listed=Listed("deepseek"),
    models=(when(r"flash|vision|-vl", images=frozenset({"data", "http"})),),
)
