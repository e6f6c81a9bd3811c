"""Baidu's Qianfan."""

from __future__ import annotations

from translators.dialects.dialect import SAMPLING
from translators.dialects.preset import preset

PRESET = preset(
    "baidu",
    hosts=("qianfan.baidubce.com",),
    audio="none",
    files=frozenset(),
    params=SAMPLING,
    reasoning_controls=("enable_thinking",),
)
