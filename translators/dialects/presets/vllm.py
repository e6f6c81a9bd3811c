"""vLLM, as recorded (fixtures/vllm-*). It reads and writes `reasoning`; old versions say `reasoning_content`."""

from __future__ import annotations

from translators.dialects.listed import Listed
from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "vllm",
    facts(
        video="video_url",  # docs.vllm.ai, Multimodal Inputs
        files=frozenset(),
        calls_beside_format=False,  # vllm-project/vllm#39929: decoding is held to the format from the first token on
        strict_tools=True,  # and only the arguments of strict ones are held to their schema
        reasoning_replay="all",
        reasoning_field="reasoning",
    ),
    listed=Listed("vllm", ("max_model_len",)),  # some wrappers copy the owner alone
    models=(
        when(r"qwen|glm", reasoning_controls=("effort", "template_switch")),
        when(r"deepseek|kimi", reasoning_controls=("effort", "template_switch"), template_switch="thinking"),
    ),
)
