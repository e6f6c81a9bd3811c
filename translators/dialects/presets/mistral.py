"""Mistral's own API: every unknown key is a 422."""

from __future__ import annotations

from translators.dialects.dialect import SAMPLING
from translators.dialects.listed import Listed
from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "mistral",
    facts(
        system_placement="anywhere",
        bridge_after_tool=True,
        prefix_field=True,
        files=frozenset({"document_url"}),
        params=SAMPLING,
        stream_usage="implicit",
        tool_choice=frozenset({"auto", "none", "required"}),
        required_word="any",
        strict_tools=True,
        tool_name_field=True,
        tool_call_id="alnum9",
        reasoning_controls=(),
        reasoning_replay="never",
    ),
    hosts=("api.mistral.ai", "codestral.mistral.ai"),
    listed=Listed(fields=("capabilities", "max_context_length", "aliases")),
    models=(
        when(
            r"small-latest|medium-3\.5",
            reasoning_controls=("effort",),
            efforts=("none", "high"),
            reasoning_replay="all",
            reasoning_field="content_parts",
        ),
        when(r"magistral", reasoning_replay="all", reasoning_field="content_parts"),
    ),
)
