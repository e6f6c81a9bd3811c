"""Cohere's compatibility API.

Where its facts are from:
- https://docs.cohere.com/docs/compatibility-api: where it is, and that it is meant to be OpenAI's
- recalled, from no page that was read: `developer_role`, `params`, `tool_choice`, `efforts`
- no page says that it takes more, so the careful choice: `audio`, `files`, `parallel_tool_calls`
"""

from __future__ import annotations

from translators.dialects.dialect import SAMPLING
from translators.dialects.preset import facts, preset

PRESET = preset(
    "cohere",
    facts(
        developer_role=True,
        audio="none",
        files=frozenset(),
        params=SAMPLING,
        tool_choice=frozenset({"auto", "none", "required"}),
        parallel_tool_calls="never",
        efforts=("none", "high"),
    ),
    hosts=("api.cohere.ai", "api.cohere.com"),
)
