"""OpenAI's models at Azure: `{resource}/openai/v1`, or a deployment's path with `query: {api-version: …}`.

Where its facts are from:
- https://learn.microsoft.com/en-us/azure/ai-foundry/openai/latest: `auth_header`
- https://github.com/pydantic/pydantic-ai/blob/main/pydantic_ai_slim/pydantic_ai/profiles: `files`
- the preset of OpenAI: whatever else
"""

from __future__ import annotations

from translators.dialects.preset import facts, preset
from translators.dialects.presets import openai

PRESET = preset(
    "azure",
    facts(
        auth_header="api-key",
        files=frozenset(),
    ),
    like=openai.PRESET,
    hosts=("*.openai.azure.com", "*.services.ai.azure.com", "*.cognitiveservices.azure.com"),
)
