"""vLLM, as recorded (fixtures/vllm-reasoning-stream and its neighbours).

It reads and writes `reasoning`; old versions say `reasoning_content`.

Where its facts are from:
- https://github.com/vllm-project/vllm/blob/main/vllm/entrypoints/openai/chat_completion/protocol.py:
  `reasoning_controls`, `strict_tools`, `reasoning_field`, `template_switch`
- fixtures/vllm-file-refused: `files`
- https://docs.vllm.ai/en/latest/features/multimodal_inputs.html: `video`
- vllm-project/vllm#39929: `calls_beside_format`
- https://github.com/can1357/oh-my-pi/blob/main/packages/catalog/src/compat/openai.ts: `reasoning_replay`
"""

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
