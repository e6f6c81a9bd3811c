"""Volcengine's Ark, with the Doubao models."""

from __future__ import annotations

from translators.dialects.preset import facts, preset

PRESET = preset(
    "ark",
    facts(
        system_placement="anywhere",
        audio="none",
        files=frozenset(),
        reasoning_controls=("thinking_type",),
    ),
    hosts=("ark.*.volces.com", "ark.*.bytepluses.com"),
)
