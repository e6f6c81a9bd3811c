"""Zhipu's own API."""

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
