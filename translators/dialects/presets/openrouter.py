"""OpenRouter.

Where its facts are from:
- https://openrouter.ai/docs/use-cases/reasoning-tokens: `reasoning_controls`
- https://github.com/pydantic/pydantic-ai/blob/main/pydantic_ai_slim/pydantic_ai/models/openrouter.py: `files`,
  `reasoning_field`, `reasoning_replay`, `strict_tools`
- https://github.com/earendil-works/pi/blob/main/packages/ai/src/api/openai-completions.ts: `developer_role`,
  `reasoning_replay`
- recalled, from no page that was read: `params`
- the shape of its thoughts: fixtures/made-openrouter-reasoning-details
"""

from __future__ import annotations

from translators.dialects.dialect import LOGPROBS, SAMPLING
from translators.dialects.listed import Listed
from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "openrouter",
    facts(
        files=frozenset({"data", "url"}),
        params=SAMPLING | LOGPROBS | {"user", "verbosity"},
        strict_tools=True,
        reasoning_controls=("reasoning_effort_object",),
        reasoning_replay="all",
        reasoning_field="reasoning_details",
    ),
    hosts=("openrouter.ai",),
    listed=Listed(fields=("pricing", "top_provider", "supported_parameters")),
    models=(when(r"^(openai|anthropic)/", developer_role=True),),
)
