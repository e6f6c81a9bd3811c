"""Baidu's Qianfan.

Where its facts are from:
- its API reference, as copied at https://github.com/killAnEarthworm/StoryForge/blob/main/doc/api_doc.md: `params`,
  `reasoning_controls`, `audio`, `files`
- langchain4j/langchain4j-community#80: system messages come first, as the generic preset has them
"""

from __future__ import annotations

from translators.dialects.dialect import SAMPLING
from translators.dialects.preset import facts, preset

PRESET = preset(
    "baidu",
    facts(
        audio="none",
        files=frozenset(),
        params=SAMPLING,
        reasoning_controls=("enable_thinking",),
    ),
    hosts=("qianfan.baidubce.com",),
)
