"""Text Generation Inference of Hugging Face."""

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
