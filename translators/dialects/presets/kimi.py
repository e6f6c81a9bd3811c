"""Moonshot's own API.

Where its facts are from:
- https://platform.moonshot.cn/docs/guide/use-kimi-k2-thinking-model: `thinks_by_default`, `max_temperature`,
  `params_without_reasoning`
- https://raw.githubusercontent.com/api-evangelist/moonshot-ai/refs/heads/main/json-schema/moonshot-ai-kimi-k26-chat-request-schema.json:
  `reasoning_controls`, `thinking_extra`
- JohnnyZ93/oai-compatible-copilot#171: `reasoning_replay`
- https://github.com/BerriAI/litellm/blob/main/litellm/llms/moonshot/chat/transformation.py: `reasoning_filler`,
  `tool_choice`
- https://github.com/vercel/ai/tree/main/packages/moonshotai/src: `images`, `schema`, `thinking_extra`, `efforts`,
  `always_thinks`
- router-for-me/CLIProxyAPI#5316: `schema`
- https://github.com/can1357/oh-my-pi/blob/main/packages/catalog/src/compat/openai.ts: `always_max_tokens`,
  `tool_choice`
- no page says that it takes more, so the careful choice: `audio`, `files`
- the shape of its counts: fixtures/made-kimi-choice-usage
"""

from __future__ import annotations

from translators.dialects.dialect import SAMPLING
from translators.dialects.families import MOONSHOT_SCHEMA
from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "kimi",
    facts(
        images=frozenset({"data"}),
        audio="none",
        files=frozenset(),
        max_temperature=1.0,
        params_without_reasoning=SAMPLING,
        always_max_tokens=32_768,  # its own default is short, and its rate limits count what is asked for
        tool_choice=frozenset({"auto", "none"}),
        schema=MOONSHOT_SCHEMA,
        reasoning_controls=("thinking_type",),
        thinks_by_default=True,
        reasoning_replay="all",
        reasoning_filler=" ",
    ),
    hosts=("api.moonshot.ai", "api.moonshot.cn", "api.kimi.com"),
    models=(
        when(
            r"moonshot-v1|kimi-k2-(0711|0905|turbo|instruct)",
            reasoning_controls=(),
            thinks_by_default=False,
            reasoning_replay="never",
        ),
        # Otherwise earlier turns' thoughts are ignored; kimi-k2.5 refuses the field.
        when(r"kimi-k2\.[6-9]", thinking_extra={"keep": "all"}),
        when(r"kimi-k2\.7-code", always_thinks=True),
        when(
            r"kimi-k3",
            tool_choice=frozenset({"auto", "none", "required", "named"}),
            reasoning_controls=("effort",),
            efforts=("low", "high", "max"),
            always_thinks=True,
        ),
    ),
)
