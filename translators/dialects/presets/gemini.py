"""Gemini's compatible endpoint: unknown names are a 400."""

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
