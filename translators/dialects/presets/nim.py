"""NVIDIA's hosted NIMs, some of which refuse every key that they do not know.

Where its facts are from:
- can1357/oh-my-pi#2299, NousResearch/hermes-agent#77973 and NVIDIA/garak#748: `params`, `reasoning_controls`,
  `reasoning_replay`
- https://forums.developer.nvidia.com/t/how-to-enable-thinking-kimi/371284: `template_switch`
- no page says that it takes more, so the careful choice: `audio`, `files`, `parallel_tool_calls`
"""

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
