"""NVIDIA's hosted NIMs, some of which refuse every key that they do not know."""

from __future__ import annotations

from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "nim",
    facts(
        audio="none",
        files=frozenset(),
        params=frozenset({"temperature", "top_p"}),
        parallel_tool_calls="never",
        reasoning_controls=(),
    ),
    hosts=("integrate.api.nvidia.com",),
    models=(
        when(r"gpt-oss|deepseek", reasoning_controls=("effort",)),
        when(r"kimi", reasoning_controls=("template_switch",), template_switch="thinking"),
        when(r"qwen", reasoning_controls=("template_switch",)),
        when(r"mistral|mixtral", reasoning_replay="never"),
    ),
)
