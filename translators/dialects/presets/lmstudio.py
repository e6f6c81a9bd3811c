"""LM Studio."""

from __future__ import annotations

from translators.dialects.listed import Listed
from translators.dialects.preset import facts, preset

PRESET = preset(
    "lmstudio",
    facts(
        images=frozenset({"data"}),
        audio="none",
        files=frozenset(),
        tool_choice=frozenset({"auto", "none", "required"}),
        json_object=False,
        reasoning_replay="all",
    ),
    hosts=(":1234",),
    listed=Listed("organization_owner"),
)
