"""SGLang."""

from __future__ import annotations

from translators.dialects.listed import Listed
from translators.dialects.preset import preset
from translators.dialects.presets import vllm

PRESET = preset(
    "sglang",
    listed=Listed("sglang"),
    like=vllm.PRESET,
    developer_role=True,
    audio="audio_url",
    strict_tools=False,
    reasoning_field="reasoning_content",
)
