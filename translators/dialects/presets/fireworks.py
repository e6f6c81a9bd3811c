"""Fireworks."""

from __future__ import annotations

from translators.dialects.dialect import LOGPROBS, SAMPLING
from translators.dialects.preset import preset

PRESET = preset(
    "fireworks",
    hosts=("api.fireworks.ai",),
    audio="none",
    files=frozenset(),
    params=SAMPLING | LOGPROBS | {"user", "prompt_cache_key", "service_tier"},
    efforts=("none", "low", "medium", "high"),
    reasoning_replay="all",
)
