"""llama-server of llama.cpp, as recorded (fixtures/llamacpp-tool-stream and its neighbours).

Where its facts are from:
- https://github.com/ggml-org/llama.cpp/blob/master/tools/server/server-common.cpp: `files`, `logprobs_with_tools`,
  `parallel_tool_calls`
- the server of the recordings, asked by hand: `tool_choice`
- https://github.com/can1357/oh-my-pi/blob/main/packages/catalog/src/compat/openai.ts: `schema`
- ggml-org/llama.cpp#18994: `reasoning_replay`
"""

from __future__ import annotations

from translators.dialects.listed import Listed
from translators.dialects.preset import facts, preset

PRESET = preset(
    "llamacpp",
    facts(
        files=frozenset(),
        logprobs_with_tools=False,
        # `none` leaves the tools in the prompt, so that calls come back as text; the object form is ignored.
        tool_choice=frozenset({"auto", "required"}),
        parallel_tool_calls="always",  # its own default is false
        schema=("grammar_keywords",),
        reasoning_replay="all",
    ),
    listed=Listed("llamacpp"),
)
