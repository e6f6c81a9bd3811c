"""Groq.

Where its facts are from:
- https://console.groq.com/docs/openai: `params`
- https://github.com/BerriAI/litellm/blob/main/litellm/llms/groq/chat/transformation.py: `empty_content`,
  `max_tokens_field`
- https://github.com/pydantic/pydantic-ai/blob/main/pydantic_ai_slim/pydantic_ai/models/groq.py: `reasoning_controls`,
  `efforts`, `effort_names`, `always_thinks`
- https://github.com/vercel/ai/tree/main/packages/groq/src: `reasoning_field`, `reasoning_replay`
- janhq/jan#8136 and karthink/gptel#774: `reasoning_replay`
- langchain-ai/langchain#23629: `structured_with_tools`
- https://github.com/can1357/oh-my-pi/blob/main/packages/catalog/src/compat/openai.ts: `system_placement`
- no page says that it takes more, so the careful choice: `audio`, `files`
- the shape of its counts: fixtures/made-groq-x-groq-usage
"""

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
