"""Text Generation Inference of Hugging Face.

Where its facts are from:
- https://github.com/huggingface/text-generation-inference/blob/main/router/src/lib.rs: `empty_content`,
  `text_beside_calls`, `json_object`, `structured_with_tools`
- the same source, where nothing of the kind was found: `audio`, `files`, `parallel_tool_calls`, `reasoning_controls`,
  `reasoning_replay`
"""

from __future__ import annotations

from translators.dialects.listed import Listed
from translators.dialects.preset import facts, preset

PRESET = preset(
    "tgi",
    facts(
        empty_content="omit",
        text_beside_calls=False,  # calls beside a text are lost
        audio="none",
        files=frozenset(),
        parallel_tool_calls="never",
        json_object=False,
        structured_with_tools=False,
        reasoning_controls=(),
        reasoning_replay="never",
    ),
    hosts=("*.endpoints.huggingface.cloud",),
    listed=Listed(owner_is_id=True),
)
