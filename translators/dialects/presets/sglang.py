"""SGLang.

Where its facts are from:
- https://github.com/sgl-project/sglang/blob/main/python/sglang/srt/entrypoints/openai/protocol.py: `developer_role`,
  `audio`, `strict_tools`, `reasoning_field`
- the preset of vLLM, whose templates it shares: whatever else
"""

from __future__ import annotations

from translators.dialects.listed import Listed
from translators.dialects.preset import facts, preset
from translators.dialects.presets import vllm

PRESET = preset(
    "sglang",
    facts(
        developer_role=True,
        audio="audio_url",
        strict_tools=False,
        reasoning_field="reasoning_content",
    ),
    listed=Listed("sglang"),
    like=vllm.PRESET,
)
