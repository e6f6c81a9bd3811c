"""Moonshot's own API."""

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
