"""What the simulated model said, as a backend puts it on the wire: whole, or chunk by chunk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.simulator.facts import Facts, Json
from tests.simulator.model import Said

PROMPT, COMPLETION, THOUGHT_TOKENS = 20, 10, 6
SIGNATURE = "c2lnbmF0dXJl"


def whole(said: Said, facts: Facts) -> Json:
    message: Json = {"role": "assistant", "content": said.text or (None if said.calls else "")}
    if said.thought:
        _whole_thought(message, said, facts)
    if said.calls:
        message["tool_calls"] = [_call(index, call, facts) for index, call in enumerate(said.calls)]
    choice = {"index": 0, "message": message, "finish_reason": _finish(said, facts)}
    body: Json = {"id": "c-1", "object": "chat.completion", "created": 1, "model": facts.model, "choices": [choice]}
    return body | {"usage": usage(said, facts)}


def usage(said: Said, facts: Facts) -> Json:
    thought = THOUGHT_TOKENS if said.thought else 0
    completion = COMPLETION if facts.reasoning_beside_completion else COMPLETION + thought
    return {
        "prompt_tokens": PROMPT,
        "completion_tokens": completion,
        "total_tokens": PROMPT + COMPLETION + thought,
        "completion_tokens_details": {"reasoning_tokens": thought},
    }


def chunks(said: Said, facts: Facts, *, usage_asked: bool) -> Iterator[Json | bytes]:
    """The events of a stream; bytes go out as they are."""
    if facts.comments:
        yield facts.comments
    if facts.first is not None:
        yield facts.first
    deltas = [{"role": "assistant", "content": ""}, *_deltas(said, facts)]
    for delta in deltas:
        yield _chunk({"index": 0, "delta": delta, "finish_reason": None}, said, facts)
    if facts.comments:
        yield facts.comments
    last = _chunk({"index": 0, "delta": {}, "finish_reason": _finish(said, facts)}, said, facts)
    counted = usage(said, facts)
    if facts.usage == "last_chunk":
        last["usage"] = counted
    elif facts.usage == "x_groq":
        last["x_groq"] = {"id": "req_1", "usage": counted}
    elif facts.usage == "in_choice":
        last["choices"][0]["usage"] = counted
    yield last
    if facts.behind_finish is not None:
        yield facts.behind_finish
    if facts.usage == "asked" and usage_asked:
        yield {**_head(facts), "choices": [], "usage": counted}
    elif facts.usage == "without_choices":
        yield {**_head(facts), "usage": counted}


def _head(facts: Facts) -> Json:
    return {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": facts.model}


def _chunk(choice: Json, said: Said, facts: Facts) -> Json:
    more = {"usage": usage(said, facts)} if facts.usage == "every_chunk" else {}
    return {**_head(facts), "choices": [choice], **more}


def _finish(said: Said, facts: Facts) -> str | None:
    return facts.finish_calls if said.calls else facts.finish_stop


def _pieces(text: str, size: int = 5) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def _deltas(said: Said, facts: Facts) -> Iterator[Json]:
    text = said.text
    if said.thought and facts.reasoning == "tags":
        text = _tagged(said, facts)
    elif said.thought:
        yield from _thought_deltas(said.thought, facts)
    for piece in _pieces(text):
        yield {"content": [{"type": "text", "text": piece}] if facts.reasoning == "parts" else piece}
    yield from _CALLS[facts.calls](said, facts)


def _tagged(said: Said, facts: Facts) -> str:
    return f"<{facts.tag}>\n{said.thought}\n</{facts.tag}>\n\n{said.text}"


def _whole_thought(message: Json, said: Said, facts: Facts) -> None:
    if facts.reasoning == "tags":
        message["content"] = _tagged(said, facts)
        return
    field, value = _THOUGHTS[facts.reasoning](said.thought, said.thought)
    if field == "content":
        value = [*value, *([{"type": "text", "text": said.text}] if said.text else [])]
    if field:
        message[field] = value
    if facts.reasoning == "details":
        message["reasoning"] = said.thought
        message["reasoning_details"][0]["signature"] = SIGNATURE


def _thought_deltas(thought: str, facts: Facts) -> Iterator[Json]:
    before = ""
    for piece in _pieces(thought):
        before += piece
        field, value = _THOUGHTS[facts.reasoning](piece, before)
        if field:
            yield {field: value} | ({"reasoning": piece} if facts.reasoning == "details" else {})
    if facts.reasoning == "details":
        signed = {"type": "reasoning.text", "text": "", "signature": SIGNATURE, "index": 0, "format": "f"}
        yield {"reasoning_details": [signed]}


_THOUGHTS: dict[str, Any] = {
    "none": lambda piece, before: ("", None),
    "reasoning_content": lambda piece, before: ("reasoning_content", piece),
    "reasoning": lambda piece, before: ("reasoning", piece),
    "details": lambda piece, before: (
        "reasoning_details",
        [{"type": "reasoning.text", "text": piece, "index": 0, "format": "f"}],
    ),
    "cumulative_details": lambda piece, before: ("reasoning_details", [{"type": "reasoning.text", "text": before}]),
    "parts": lambda piece, before: ("content", [{"type": "thinking", "thinking": [{"type": "text", "text": piece}]}]),
    "summary": lambda piece, before: (
        "content",
        [{"type": "reasoning", "summary": [{"type": "summary_text", "text": piece}]}],
    ),
}


def _call(index: int, call: tuple[str, Json], facts: Facts) -> Json:
    name, arguments = call
    function = {"name": name, "arguments": json.dumps(arguments)}
    made: Json = {"id": facts.ids.format(index), "type": "function", "function": function}
    if facts.signature and index == 0:
        made["extra_content"] = {"google": {"thought_signature": SIGNATURE}}
    return made


def _in_pieces(said: Said, facts: Facts, *, later: Json | None = None) -> Iterator[Json]:
    for index, call in enumerate(said.calls):
        made = _call(index, call, facts)
        text = made["function"]["arguments"]
        made["function"]["arguments"] = ""
        yield {"tool_calls": [{"index": index, **made}]}
        for piece in _pieces(text):
            yield {"tool_calls": [{"index": index, **(later or {}), "function": {"arguments": piece}}]}


def _whole_calls(said: Said, facts: Facts) -> Iterator[Json]:
    if said.calls:
        yield {"tool_calls": [{"index": at, **_call(at, call, facts)} for at, call in enumerate(said.calls)]}


def _without_index(said: Said, facts: Facts) -> Iterator[Json]:
    for index, call in enumerate(said.calls):
        yield {"tool_calls": [_call(index, call, facts)]}


def _interleaved(said: Said, facts: Facts) -> Iterator[Json]:
    made = [_call(index, call, facts) for index, call in enumerate(said.calls)]
    texts = [_pieces(call["function"]["arguments"]) for call in made]
    for index, call in enumerate(made):
        yield {"tool_calls": [{"index": index, **call, "function": {**call["function"], "arguments": ""}}]}
    for step in range(max(map(len, texts), default=0)):
        for index, pieces in enumerate(texts):
            if step < len(pieces):
                yield {"tool_calls": [{"index": index, "function": {"arguments": pieces[step]}}]}


_CALLS: dict[str, Any] = {
    "pieces": _in_pieces,
    "empty_ids": lambda said, facts: _in_pieces(said, facts, later={"id": "", "type": "function"}),
    "whole": _whole_calls,
    "no_index": _without_index,
    "interleaved": _interleaved,
}
