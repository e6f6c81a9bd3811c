"""Bedrock's OpenAI endpoints.

Where its facts are from:
- https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions-mantle.html: what they are and which
  models they have
- BerriAI/litellm#40775: `reasoning_controls`
- recalled, from no page that was read: `max_tokens_field`, `think_tags`
- no page says that it takes more, so the careful choice: `audio`, `files`, `params`, `parallel_tool_calls`,
  `reasoning_replay`
"""

from __future__ import annotations

from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "bedrock",
    facts(
        audio="none",
        files=frozenset(),
        params=frozenset({"temperature", "top_p"}),
        max_tokens_field="max_completion_tokens",
        parallel_tool_calls="never",
        reasoning_controls=(),
        reasoning_replay="never",
        think_tags=("reasoning", "think"),
    ),
    hosts=("bedrock-*.amazonaws.com", "bedrock-*.api.aws"),
    models=(when(r"gpt-oss", reasoning_controls=("effort",)),),
)
