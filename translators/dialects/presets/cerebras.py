"""Cerebras: every unknown key is a 400.

Where its facts are from:
- https://inference-docs.cerebras.ai/resources/openai: `params`, `parallel_tool_calls`
- https://github.com/pydantic/pydantic-ai/blob/main/pydantic_ai_slim/pydantic_ai/providers/cerebras.py: `params`,
  `extra_body`, `reasoning_field`, `reasoning_replay`
- https://github.com/vercel/ai/tree/main/packages/cerebras/src: `max_tokens_field`, `reasoning_controls`
- https://github.com/can1357/oh-my-pi/blob/main/packages/catalog/src/compat/openai.ts: `system_placement`,
  `strict_tools`, `mixed_strict`
- https://docs.rs/crate/harn-vm/0.8.78: `efforts`
- QwenLM/qwen-code#11045: `reasoning_replay`
- recalled, from no page that was read: `images`
- no page says that it takes more, so the careful choice: `audio`, `files`
"""

from __future__ import annotations

from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "cerebras",
    facts(
        system_placement="anywhere",
        images=frozenset(),
        audio="none",
        files=frozenset(),
        params=frozenset({"temperature", "top_p", "logprobs", "top_logprobs", "user"}),
        max_tokens_field="max_completion_tokens",
        parallel_tool_calls="never",
        strict_tools=True,
        mixed_strict=False,
        reasoning_controls=(),
        reasoning_replay="never",
        reasoning_field="reasoning",
    ),
    hosts=("api.cerebras.ai",),
    models=(
        when(
            r"gpt-oss",
            reasoning_controls=("effort",),
            efforts=("low", "medium", "high"),
            reasoning_replay="tool_turns",
        ),
        when(
            r"glm",
            reasoning_controls=("effort",),
            reasoning_replay="all",
            reasoning_field="think_tags",
            extra_body={"clear_thinking": False},
        ),
    ),
)
