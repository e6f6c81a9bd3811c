"""The server of llama-cpp-python."""

from __future__ import annotations

from translators.dialects.listed import Listed
from translators.dialects.preset import facts, preset

PRESET = preset(
    "llama-cpp-python",
    facts(
        audio="none",
        files=frozenset(),
        stream_usage="implicit",  # it has no such option, and no usage in a stream
        tool_choice=frozenset({"named", "none"}),
        parallel_tool_calls="never",
        structured="json_object_schema",
        reasoning_controls=(),
        reasoning_replay="never",
    ),
    listed=Listed("me", ("permissions",)),
)
