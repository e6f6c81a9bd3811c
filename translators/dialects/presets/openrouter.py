"""OpenRouter."""

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
