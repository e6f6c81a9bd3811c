"""Ollama. It ignores what it does not know, `tool_choice` included.

Where its facts are from:
- https://github.com/ollama/ollama/blob/main/docs/api/openai-compatibility.mdx: `params`, `tool_choice`
- https://github.com/ollama/ollama/blob/main/openai/openai.go: `images`, `files`, `parallel_tool_calls`, `efforts`,
  `effort_names`, `reasoning_field`, `reasoning_replay`
- the shape of its calls: fixtures/made-ollama-whole-call
"""

from __future__ import annotations

from translators.dialects.dialect import SAMPLING
from translators.dialects.listed import Listed
from translators.dialects.preset import facts, preset

PRESET = preset(
    "ollama",
    facts(
        images=frozenset({"data"}),
        files=frozenset(),
        params=SAMPLING,
        tool_choice=frozenset(),
        parallel_tool_calls="never",
        efforts=("none", "low", "medium", "high", "max"),
        effort_names={"xhigh": "max"},
        reasoning_replay="all",
        reasoning_field="reasoning",
    ),
    hosts=("ollama.com", ":11434"),
    listed=Listed("library", owner_of_some=True),  # others are owned by whoever published them
)
