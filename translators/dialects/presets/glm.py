"""Zhipu's own API.

Where its facts are from:
- https://java.agentscope.io/v2/en/integration/model/glm: `needs_user_message`, `params`, `max_temperature`,
  `stream_usage`, `tool_choice`, `structured`
- https://github.com/pydantic/pydantic-ai/blob/main/pydantic_ai_slim/pydantic_ai/models/zai.py: `reasoning_controls`,
  `thinking_extra`, `reasoning_replay`, `efforts`, `always_thinks`
- https://github.com/can1357/oh-my-pi/blob/main/packages/catalog/src/compat/openai.ts: `system_placement`
- recalled, from no page that was read: `thinks_by_default`
- no page says that it takes more, so the careful choice: `audio`, `files`, `parallel_tool_calls`
"""

from __future__ import annotations

from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "glm",
    facts(
        system_placement="anywhere",
        needs_user_message=True,
        audio="none",
        files=frozenset(),
        params=frozenset({"temperature", "top_p"}),
        max_temperature=1.0,
        stream_usage="implicit",
        tool_choice=frozenset({"auto"}),
        parallel_tool_calls="never",
        structured="json_object",
        reasoning_controls=("thinking_type",),
        thinks_by_default=True,
        reasoning_replay="all",
    ),
    hosts=("open.bigmodel.cn", "api.z.ai"),
    models=(
        # Otherwise what was thought before the last user message is thrown away.
        when(r"glm-(4\.[7-9]|[5-9])", thinking_extra={"clear_thinking": False}),
        when(r"glm-5\.[2-9]", reasoning_controls=("thinking_type", "effort")),
        when(r"glm-5\.3", efforts=("low", "high", "max"), always_thinks=True),
    ),
)
