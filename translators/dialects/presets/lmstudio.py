"""LM Studio.

Where its facts are from:
- https://lmstudio.ai/docs/api/rest-api: which endpoints it has
- https://github.com/can1357/oh-my-pi/blob/main/packages/catalog/src/compat/openai.ts: `tool_choice`, `reasoning_replay`
- recalled, from no page that was read: `images`, `json_object`
- no page says that it takes more, so the careful choice: `audio`, `files`
"""

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
