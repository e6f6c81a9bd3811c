"""Together.

Where its facts are from:
- https://docs.together.ai/docs/kimi-k2-thinking-quickstart: `reasoning_field`
- https://github.com/earendil-works/pi/blob/main/packages/ai/src/api/openai-completions.ts: `reasoning_controls`
- no page says that it takes more, so the careful choice: `audio`, `files`
"""

from __future__ import annotations

from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "together",
    facts(
        audio="none",
        files=frozenset(),
        reasoning_controls=("reasoning_enabled_object",),
        reasoning_field="reasoning",
    ),
    hosts=("api.together.ai", "api.together.xyz"),
    models=(
        when(r"gpt-oss", reasoning_controls=("effort",)),
        when(r"llama|gemma|mistral|mixtral", reasoning_controls=()),
    ),
)
