"""xAI.

Where its facts are from:
- https://docs.x.ai/developers/model-capabilities/text/comparison.md: `params_without_reasoning`, `reasoning_replay`
- https://github.com/vercel/ai/tree/main/packages/xai/src: `max_tokens_field`, `schema`, `strict_tools`, `params`,
  `reasoning_replay`
- https://github.com/pydantic/pydantic-ai/blob/main/pydantic_ai_slim/pydantic_ai/profiles/grok.py: `reasoning_controls`,
  `efforts`, `always_thinks`, `thinks_by_default`, `params_without_reasoning`
- router-for-me/CLIProxyAPI#5214: `max_tools`
- recalled, from no page that was read: `system_placement`
- no page says that it takes more, so the careful choice: `audio`, `files`
- the shape of its calls: fixtures/made-xai-whole-call
"""

from __future__ import annotations

from translators.dialects.dialect import LOGPROBS, SAMPLING
from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "xai",
    facts(
        system_placement="anywhere",
        audio="none",
        files=frozenset(),
        params=SAMPLING | LOGPROBS | {"user"},
        max_tokens_field="max_completion_tokens",
        max_tools=200,  # router-for-me/CLIProxyAPI#5214
        strict_tools=True,
        schema=("open_objects",),
        reasoning_controls=(),
        reasoning_replay="never",
    ),
    hosts=("api.x.ai", "*.api.x.ai"),
    models=(
        when(r"grok-3-mini", reasoning_controls=("effort",), efforts=("low", "high"), always_thinks=True),
        when(
            r"grok-([4-9]|3-mini)",
            params_without_reasoning=frozenset({"presence_penalty", "frequency_penalty", "stop"}),
            thinks_by_default=True,
        ),
        when(r"non-reasoning", params_without_reasoning=frozenset(), thinks_by_default=False),
        when(r"grok-4\.3", reasoning_controls=("effort",), efforts=("none", "low", "medium", "high")),
        when(r"grok-4\.5", reasoning_controls=("effort",), efforts=("low", "medium", "high"), always_thinks=True),
        when(
            r"grok-4\.[6-9]",
            reasoning_controls=("effort",),
            efforts=("low", "medium", "high", "xhigh"),
            always_thinks=True,
        ),
    ),
)
