"""Fireworks."""

from __future__ import annotations

from translators.dialects.dialect import LOGPROBS, SAMPLING
from translators.dialects.preset import facts, preset

PRESET = preset(
    "fireworks",
    facts(
        audio="none",
        files=frozenset(),
        params=SAMPLING | LOGPROBS | {"user", "prompt_cache_key", "service_tier"},
        efforts=("none", "low", "medium", "high"),
        reasoning_replay="all",
    ),
    hosts=("api.fireworks.ai",),
)
