"""OpenAI's own API.

Where its facts are from:
- https://github.com/openai/openai-python/tree/main/src/openai/types/chat: `developer_role`, `text_content`,
  `empty_content`, `refusal_field`, `files`, `params`, `max_tokens_field`, `allowed_tools`, `strict_tools`
- https://platform.openai.com/docs/api-reference/chat/create: `max_tools`
- https://github.com/pydantic/pydantic-ai/blob/main/pydantic_ai_slim/pydantic_ai/profiles/openai.py: `system_placement`,
  `params_without_reasoning`, `thinks_by_default`, `reasoning_controls`
- https://github.com/earendil-works/pi/blob/main/packages/ai/src/api/openai-completions.ts: `tool_call_id`
- it gives no thoughts in Chat Completions: `reasoning_replay`, `think_tags`
"""

from __future__ import annotations

from translators.dialects.dialect import LOGPROBS, SAMPLING
from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "openai",
    facts(
        developer_role=True,
        system_placement="anywhere",
        text_content="parts",
        empty_content="null",
        refusal_field=True,
        files=frozenset({"data", "id"}),
        params=SAMPLING
        | LOGPROBS
        | {
            "verbosity",
            "user",
            "safety_identifier",
            "prompt_cache_key",
            "prompt_cache_retention",
            "service_tier",
        },
        max_tokens_field="max_completion_tokens",
        allowed_tools=True,
        max_tools=128,  # its API reference says so of `tools`
        strict_tools=True,
        tool_call_id="max40",
        reasoning_replay="never",
        think_tags=(),
    ),
    hosts=("api.openai.com", "*.api.openai.com"),
    models=(
        when(
            r"^(o[1-9]|gpt-[5-9]|codex)",
            params_without_reasoning=SAMPLING | LOGPROBS,
            thinks_by_default=True,
        ),
        when(r"^gpt-5\.[1-9]", thinks_by_default=False),  # their effort is `none` unless they are told
        when(r"^gpt-5.*-chat", params_without_reasoning=frozenset(), thinks_by_default=False, reasoning_controls=()),
        when(r"^(gpt-[34]|chatgpt-4)", reasoning_controls=()),
    ),
)
