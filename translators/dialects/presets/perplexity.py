"""Perplexity's Sonar, which searches by itself and takes no tools.

Where its facts are from:
- https://github.com/vercel/ai/tree/main/packages/perplexity/src: `params`, `stream_usage`, `tools`, `json_schema_name`
- perplexityai/api-discussion#265: `alternate_roles`
- recalled, from no page that was read: `json_object`, `reasoning_controls`, `efforts`, `reasoning_replay`
- no page says that it takes more, so the careful choice: `audio`, `files`
- the end of its streams: fixtures/made-perplexity-no-done
"""

from __future__ import annotations

from translators.dialects.dialect import SAMPLING
from translators.dialects.preset import facts, preset, when

PRESET = preset(
    "perplexity",
    facts(
        alternate_roles=True,
        audio="none",
        files=frozenset(),
        params=SAMPLING,
        stream_usage="implicit",
        tools=False,
        json_object=False,
        json_schema_name=False,
        reasoning_controls=(),
        reasoning_replay="never",
    ),
    hosts=("api.perplexity.ai",),
    models=(when(r"deep-research", reasoning_controls=("effort",), efforts=("low", "medium", "high")),),
)
