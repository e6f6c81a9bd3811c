"""llama-server of llama.cpp, as recorded (fixtures/llamacpp-*)."""

from __future__ import annotations

from translators.dialects.listed import Listed
from translators.dialects.preset import facts, preset

PRESET = preset(
    "llamacpp",
    facts(
        files=frozenset(),
        logprobs_with_tools=False,
        # `none` leaves the tools in the prompt, so that calls come back as text; the object form is ignored.
        tool_choice=frozenset({"auto", "required"}),
        parallel_tool_calls="always",  # its own default is false
        schema=("grammar_keywords",),
        reasoning_replay="all",
    ),
    listed=Listed("llamacpp"),
)
