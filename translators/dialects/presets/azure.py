"""OpenAI's models at Azure: `{resource}/openai/v1`, or a deployment's path with `query: {api-version: …}`."""

from __future__ import annotations

from translators.dialects.preset import preset
from translators.dialects.presets import openai

PRESET = preset(
    "azure",
    like=openai.PRESET,
    hosts=("*.openai.azure.com", "*.services.ai.azure.com", "*.cognitiveservices.azure.com"),
    auth_header="api-key",
    files=frozenset(),
)
