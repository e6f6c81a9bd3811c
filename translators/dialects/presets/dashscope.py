"""Alibaba's Model Studio."""

from __future__ import annotations

from translators.dialects.dialect import LOGPROBS, SAMPLING
from translators.dialects.preset import facts, preset

PRESET = preset(
    "dashscope",
    facts(
        audio="input_audio_uri",
        video="video_url",  # Qwen-VL and Qwen-Omni
        files=frozenset(),
        params=(SAMPLING | LOGPROBS) - {"frequency_penalty"},
        tool_choice=frozenset({"auto", "none", "named"}),
        tool_choice_when_thinking="thinking_off",
        parallel_tool_calls="always",  # its own default is false
        schema=("inline_refs",),
        reasoning_controls=("enable_thinking",),
        reasoning_replay="never",
    ),
    hosts=("dashscope*.aliyuncs.com", "*.maas.aliyuncs.com"),
)
