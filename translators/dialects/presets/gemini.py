"""Gemini's compatible endpoint: unknown names are a 400.

Where its facts are from:
- https://ai.google.dev/gemini-api/docs/openai: `efforts`
- labring/aiproxy#450: `params`, `parallel_tool_calls`
- tashfeenahmed/freellmapi#65 and zed-industries/zed#44875: `schema`
- securo-finance/securo#884: `tool_extra`, `reasoning_replay`
- https://cloud.google.com/vertex-ai/generative-ai/docs/reference/nodejs/1.1.0/vertexai/functiondeclaration:
  `tool_names`
- recalled, from no page that was read: `images`, `files`, `think_tags`
- the shape of its calls: fixtures/made-gemini-parallel-no-index
"""

from __future__ import annotations

from translators.dialects.preset import facts, preset

PRESET = preset(
    "gemini",
    facts(
        images=frozenset({"data"}),
        files=frozenset(),
        params=frozenset({"temperature", "top_p"}),
        parallel_tool_calls="never",
        schema=("inline_refs", "gemini_keywords"),
        tool_names="letter_first",
        tool_extra=True,
        efforts=("none", "minimal", "low", "medium", "high"),
        reasoning_replay="never",
        think_tags=("thought", "think"),
    ),
    hosts=("generativelanguage.googleapis.com", "*aiplatform.googleapis.com"),
)
