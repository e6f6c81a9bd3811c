"""The server of llama-cpp-python.

Where its facts are from:
- https://github.com/abetlen/llama-cpp-python/blob/main/llama_cpp/server/types.py: `stream_usage`, `tool_choice`,
  `structured`
- its other sources, where nothing of the kind was found: `audio`, `files`, `parallel_tool_calls`, `reasoning_controls`,
  `reasoning_replay`
"""

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
