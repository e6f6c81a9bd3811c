"""Fireworks.

Where its facts are from:
- https://docs.fireworks.ai/guides/reasoning: `efforts`, `reasoning_replay`
- https://github.com/vercel/ai/tree/main/packages/fireworks/src: `params`
- no page says that it takes more, so the careful choice: `audio`, `files`
"""

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
