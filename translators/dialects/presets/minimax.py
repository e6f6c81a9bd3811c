"""MiniMax's own API."""

from __future__ import annotations

from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "minimax",
    facts(
        extra_body={"reasoning_split": True},
        audio="none",
        files=frozenset(),
        params=frozenset({"temperature", "top_p"}),
        max_tokens_field="max_completion_tokens",
        tool_choice=frozenset(),
        parallel_tool_calls="never",
        structured="prompt",
        json_object=False,
        reasoning_controls=("thinking_type",),
        thinking_word="adaptive",
        thinks_by_default=True,
        reasoning_replay="all",
        reasoning_field="reasoning_details",
        cumulative_reasoning=True,
    ),
    hosts=("api.minimax.io", "api.minimaxi.com", "api.minimax.chat"),
    models=(when(r"minimax-m2", always_thinks=True),),
)
