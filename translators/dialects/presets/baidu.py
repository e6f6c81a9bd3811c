"""Baidu's Qianfan."""

from __future__ import annotations

from translators.dialects.dialect import SAMPLING
from translators.dialects.preset import facts, preset

PRESET = preset(
    "baidu",
    facts(
        audio="none",
        files=frozenset(),
        params=SAMPLING,
        reasoning_controls=("enable_thinking",),
    ),
    hosts=("qianfan.baidubce.com",),
)
