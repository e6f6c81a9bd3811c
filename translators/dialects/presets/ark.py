"""Volcengine's Ark, with the Doubao models.

Where its facts are from:
- https://github.com/BerriAI/litellm/blob/main/litellm/llms/volcengine/chat/transformation.py: `reasoning_controls`
- recalled, from no page that was read: `system_placement`
- no page says that it takes more, so the careful choice: `audio`, `files`
"""

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
