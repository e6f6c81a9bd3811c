"""Perplexity's Sonar, which searches by itself and takes no tools."""

from __future__ import annotations

from translators.dialects.dialect import SAMPLING
from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "perplexity",
    facts(
        alternate_roles=True,
        audio="none",
        files=frozenset(),
        params=SAMPLING,
        stream_usage="implicit",
        tools=False,
        json_object=False,
        json_schema_name=False,
        reasoning_controls=(),
        reasoning_replay="never",
    ),
    hosts=("api.perplexity.ai",),
    models=(when(r"deep-research", reasoning_controls=("effort",), efforts=("low", "medium", "high")),),
)
