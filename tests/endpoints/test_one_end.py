"""A response has one end, its last event, whatever the answer was made of and whoever looked at it before (S1, S16)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import chat_streams
from tests.support.chat_backend import ChatBackend, sse_answer
from tests.support.checks import check_events, check_frames
from tests.support.live import LiveProxy, chunk, config_for
from tests.support.translation import SIMPLE, Json, Run
from translators.answering import fragments
from translators.answering.counts import Counts
from translators.errors import UpstreamError
from translators.report import Adaptation
from translators.schema import chat

FUNCTION: Json = {"type": "function", "name": "f", "parameters": {"type": "object"}}
GRAMMAR = {"type": "grammar", "syntax": "regex", "definition": "[ab]+"}
WITH_TOOLS: Json = {
    **SIMPLE,
    "tools": [
        FUNCTION,
        {"type": "custom", "name": "g", "format": GRAMMAR},
        {"type": "local_shell"},
        {"type": "shell"},
        {"type": "apply_patch"},
    ],
}
FORMATTED: Json = {**SIMPLE, "text": {"format": {"type": "json_schema", "name": "s", "schema": {"type": "object"}}}}
REQUESTS = st.sampled_from([SIMPLE, WITH_TOOLS, FORMATTED, {**WITH_TOOLS, "parallel_tool_calls": False}])
ARGUMENTS = st.sampled_from(
    ["", "{}", '{"input":"ab"}', '{"input":"zz"}', '{"a":', "{broken", "}", '{"command":["ls"]}']
)
TEXTS = st.sampled_from(["a", " ", "{}", "\n"])
NAMELESS: list[Json] = [{"tool_calls": [{"index": 0, "id": "c", "function": {"arguments": "{}"}}]}]


@st.composite
def any_fragments(draw: st.DrawFn) -> list[list[fragments.Fragment]]:
    """What a reader may give for chunks: in any order, but arguments come behind the beginning of their call."""
    out: list[list[fragments.Fragment]] = []
    begun: list[int] = []
    for _ in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(sorted(_MADE)))
        if kind == "call":
            begun.append(len(begun))
            name = draw(st.sampled_from(["f", "g", "local_shell", "shell", "apply_patch", "other"]))
            call_id = draw(st.sampled_from(["same", "other", None]))
            out.append([fragments.ToolCall(begun[-1], call_id, name, draw(st.sampled_from([None, {"sig": 1}])))])
        elif kind == "extra":
            out.append([fragments.CallExtra(draw(st.integers(0, 3)), {"extra_content": 1})])
        elif kind == "arguments" and begun:
            key = draw(st.sampled_from(begun))
            made = draw(st.lists(ARGUMENTS.filter(bool), min_size=1, max_size=2))
            out.append([fragments.ArgumentsRun(made, key)] if draw(st.booleans()) else [_arguments(key, made)])
        elif kind != "arguments":
            out.append([_MADE[kind](draw(TEXTS))])
    return out


def _arguments(key: int, pieces: list[str]) -> fragments.Fragment:
    return fragments.ToolArguments(key, "".join(pieces))


_MADE: dict[str, Any] = {
    "call": None,
    "arguments": None,
    "extra": None,
    "text": fragments.Text,
    "texts": lambda text: fragments.TextRun([text, text]),
    "refusal": fragments.Refusal,
    "thought": fragments.Reasoning,
    "thoughts": lambda text: fragments.ReasoningRun([text, text]),
    "details": lambda text: fragments.ReasoningDetails([{"type": "reasoning.text", "text": text}]),
    "kept": lambda text: fragments.Kept({"reasoning_opaque": text}),
    "image": lambda text: fragments.Image(text, "png"),
    "adapted": lambda text: fragments.Adapted(Adaptation("dropped", "choices[0].delta.x", text), spoken=True),
    "usage": lambda text: fragments.Usage(Counts(prompt=1, completion=0)),
    "tier": fragments.ServiceTier,
    "stop": lambda text: fragments.Finish("stop"),
    "length": lambda text: fragments.Finish("length"),
    "error": lambda text: fragments.Finish("error"),
    "failed": lambda text: fragments.Failed(UpstreamError("no")),
}


class Scripted:
    """A reader that gives what it was told to, one list for a chunk, and the last of it when it is flushed."""

    def __init__(self, script: list[list[fragments.Fragment]]) -> None:
        self.script = script

    def read(self, chunk: object) -> list[fragments.Fragment]:
        return self.script.pop(0) if len(self.script) > 1 else []

    def flush(self) -> list[fragments.Fragment]:
        return self.script.pop(0) if self.script else []


LOOKS: dict[str, Any] = {
    "ended": lambda run, said: run.stream.end_answer(said_done=said),
    "flushed": lambda run, said: run.flush(),
    "alive": lambda run, said: run.keep_alive(),
}


@given(any_fragments(), REQUESTS, st.lists(st.sampled_from(sorted(LOOKS))), st.booleans(), st.booleans())
def test_any_fragments_end_once(
    script: list[list[fragments.Fragment]], request: Json, looks: list[str], said_done: bool, fails: bool
) -> None:
    run = Run(request)
    run.stream._reader = Scripted(script)  # type: ignore[assignment]
    for _ in list(script):
        run.take([chat.ChatChunk()])
    for look in looks:
        LOOKS[look](run, said_done)
    result = run.fail(UpstreamError("gone")) if fails else run.finish(said_done=said_done)
    assert run.stream.ended
    assert run.stream.finish(said_done=said_done, completed_at=3) == []
    assert run.stream.fail(UpstreamError("late"), completed_at=3) == []
    assert run.stream.keep_alive() == []
    assert result.response["status"] in ("completed", "incomplete", "failed")


@given(chat_streams(), REQUESTS, st.lists(st.sampled_from(sorted(LOOKS))), st.booleans())
def test_any_answer_ends_once_whoever_looked_at_it_before(
    chunks: list[Json], request: Json, looks: list[str], said_done: bool
) -> None:
    run = Run(request).feed(*chunks)
    for look in looks:
        LOOKS[look](run, said_done)
    run.finish(said_done=said_done)
    assert run.stream.finish(said_done=said_done, completed_at=3) == []


@pytest.mark.parametrize("request_fields", [{}, {"tools": WITH_TOOLS["tools"]}, {"background": True}])
@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("deltas", [NAMELESS, [{"content": "a"}, *NAMELESS], []], ids=["call", "text", "nothing"])
async def test_arguments_without_a_name_and_then_the_end(deltas: list[Json], done: bool, request_fields: Json) -> None:
    async with ChatBackend(strict=False) as backend, LiveProxy(config_for(backend.base_url)) as proxy:
        backend.always(sse_answer([chunk(delta) for delta in deltas], done=done))
        answer = await proxy.http.post(
            "/responses", json={"model": "m", "input": "hi", "stream": True, **request_fields}
        )
        assert check_events(check_frames(answer.content))["status"] == "failed" or (done and not deltas)
