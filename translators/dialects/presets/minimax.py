"""MiniMax's own API.

Where its facts are from:
- https://java.agentscope.io/v2/en/integration/model/minimax: `extra_body`, `max_tokens_field`, `params`, `tool_choice`,
  `parallel_tool_calls`, `structured`, `json_object`, `reasoning_controls`, `thinking_word`, `thinks_by_default`,
  `always_thinks`, `reasoning_field`
- https://github.com/can1357/oh-my-pi/blob/main/packages/catalog/src/compat/rules/classes/minimax.kdl:
  `cumulative_reasoning`, `reasoning_replay`
- no page says that it takes more, so the careful choice: `audio`, `files`
- the shape of its errors: fixtures/made-minimax-error-in-200
"""

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
