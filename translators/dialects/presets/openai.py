"""OpenAI's own API."""

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
