"""SGLang."""

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
