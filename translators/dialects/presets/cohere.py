"""Cohere's compatibility API."""

from __future__ import annotations

from translators.dialects.dialect import SAMPLING
from translators.dialects.preset import facts, preset

PRESET = preset(
    "cohere",
    facts(
        developer_role=True,
        audio="none",
        files=frozenset(),
        params=SAMPLING,
        tool_choice=frozenset({"auto", "none", "required"}),
        parallel_tool_calls="never",
        efforts=("none", "high"),
    ),
    hosts=("api.cohere.ai", "api.cohere.com"),
)
