"""Alibaba's Model Studio.

Where its facts are from:
- https://www.alibabacloud.com/help/en/model-studio/glm: `reasoning_controls`
- https://github.com/vercel/ai/tree/main/packages/alibaba/src: `params`, `reasoning_replay`, `video`
- https://github.com/pydantic/pydantic-ai/blob/main/pydantic_ai_slim/pydantic_ai/profiles/qwen.py: `schema`, `audio`,
  `files`
- BerriAI/litellm#37470: `tool_choice_when_thinking`
- recalled, from no page that was read: `tool_choice`, `parallel_tool_calls`
"""

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
