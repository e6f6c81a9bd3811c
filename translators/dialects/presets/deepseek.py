"""DeepSeek's own API."""

from __future__ import annotations

from translators.dialects.listed import Listed
from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "deepseek",
    facts(
        system_placement="anywhere",
        images=frozenset(),
        audio="none",
        files=frozenset(),
        tool_choice_when_thinking="thinking_off",
        parallel_tool_calls="never",
        structured="json_object",
        reasoning_controls=("thinking_type", "effort"),
        efforts=("low", "high", "max"),
        effort_names={"xhigh": "high"},
        thinks_by_default=True,
        reasoning_replay="all",
        reasoning_filler="",
    ),
    hosts=("api.deepseek.com",),
    listed=Listed("deepseek"),
    models=(when(r"flash|vision|-vl", images=frozenset({"data", "http"})),),
)
