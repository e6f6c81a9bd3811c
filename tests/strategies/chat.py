"""`chat_streams` and `chat_completions`: Chat Completions answers as messy as real backends give them.

Every oddity here was seen or is documented somewhere; nothing is promised about what such an answer means.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.strategies.plain import Json, chunk, odd_usages, usages
from tests.strategies.values import argument_texts, cuts, interleaved, json_values, names, texts

FINISHES = (
    *("stop", "length", "tool_calls", "content_filter", "function_call"),
    *("eos_token", "stop_sequence", "end", "model_length", "sensitive", "abort", "error", "network_error"),
    *("model_context_window_exceeded", "insufficient_system_resource", "made_up", ""),
)
EMPTY_DELTAS: tuple[Json, ...] = (
    {},
    {"role": "assistant", "content": None},
    {"role": "assistant", "content": "", "refusal": None, "tool_calls": []},
    {"content": None, "reasoning": None, "reasoning_content": None, "tool_calls": None},
    {"content": [], "reasoning_details": []},
)
# Whole chunks that carry nothing for the answer: Azure's filters before and after it, proxies' idle chunks.
EMPTY_CHUNKS: tuple[Json, ...] = (
    {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
    {"choices": [{"index": 0, "finish_reason": None, "content_filter_offsets": {"check_offset": 44}}]},
    {"choices": [{"index": 0, "delta": None, "finish_reason": None, "logprobs": None}]},
    {"choices": None},
    {"choices": []},
    {"object": "chat.completion.chunk"},
)
ERRORS: tuple[Json, ...] = (
    {"error": {"message": "upstream gave up", "type": "server_error", "param": None, "code": None}},
    {"error": {"code": 502, "message": "Provider returned error", "metadata": {"raw": "{}"}}},
    {"object": "error", "message": "engine died", "type": "InternalServerError", "param": None, "code": 500},
    {"error": "overloaded", "error_type": "overloaded"},
)


@cache
def finishes() -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(FINISHES[:3]), st.sampled_from(FINISHES))


@st.composite
def logprobs(draw: st.DrawFn, text: str) -> Json:
    entry: Json = {"token": text, "logprob": draw(st.floats(-20, 0)), "top_logprobs": []}
    if draw(st.booleans()):
        entry["bytes"] = draw(st.one_of(st.none(), st.just(list(text.encode()))))
    return {"content": [entry]}


def _reasoning(text: str) -> st.SearchStrategy[Json]:
    """The same thought under every name that backends use."""
    details = {"type": "reasoning.text", "text": text, "format": "unknown", "index": 0, "id": None, "signature": None}
    return st.sampled_from(
        [
            {"reasoning_content": text},
            {"reasoning": text},
            {"reasoning": text, "reasoning_details": [details]},
            {"reasoning_details": [{"type": "reasoning.encrypted", "data": text, "index": 1}]},
            {"reasoning_details": [{"type": "reasoning.summary", "summary": text}]},
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}], "closed": True}]},
            {"content": f"<think>{text}</think>"},
        ]
    )


def _content(text: str) -> st.SearchStrategy[Json]:
    return st.sampled_from(
        [{"content": text}, {"content": text, "role": "assistant"}, {"content": [{"type": "text", "text": text}]}]
    )


@st.composite
def _deltas(draw: st.DrawFn) -> Json:
    text = draw(texts())
    by_kind = st.one_of(
        _content(text),
        _reasoning(text),
        st.sampled_from(EMPTY_DELTAS),
        st.just({"refusal": text}),
        st.just({"x_odd": text}),
    )
    return draw(by_kind)


@st.composite
def _texts_streamed(draw: st.DrawFn) -> Json:
    delta = draw(_deltas())
    found: Json = {"index": 0, "delta": delta, "finish_reason": None}
    if isinstance(delta.get("content"), str) and draw(st.integers(0, 3)) == 0:
        found["logprobs"] = draw(logprobs(delta["content"]))
    if draw(st.integers(0, 9)) == 0:
        found["delta"] = {**delta, "x_unknown": draw(json_values(max_leaves=2))}
    return chunk(found)


def _clean(number: int, call_id: str, name: str, pieces: list[str]) -> list[Json]:
    first = {"index": number, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
    return [first, *({"index": number, "function": {"arguments": piece}} for piece in pieces)]


def _id_repeated(number: int, call_id: str, name: str, pieces: list[str]) -> list[Json]:
    return [
        {"index": number, "id": call_id, "type": "function", "function": {"name": name, "arguments": piece}}
        for piece in pieces or [""]
    ]


def _empty_id_later(number: int, call_id: str, name: str, pieces: list[str]) -> list[Json]:
    first = {"index": number, "id": call_id, "type": "function", "function": {"name": name}}
    later = {"index": number, "id": "", "type": "function"}
    return [first, *({**later, "function": {"name": None, "arguments": piece}} for piece in pieces)]


def _no_id(number: int, call_id: str, name: str, pieces: list[str]) -> list[Json]:
    return [
        {key: value for key, value in delta.items() if key != "id"} for delta in _clean(number, call_id, name, pieces)
    ]


def _index_reused(number: int, call_id: str, name: str, pieces: list[str]) -> list[Json]:
    return [{**delta, "index": 0} for delta in _clean(number, call_id, name, pieces)]


def _no_index(number: int, call_id: str, name: str, pieces: list[str]) -> list[Json]:
    extra = {"google": {"thought_signature": "c2ln"}}
    whole = {"name": name, "arguments": "".join(pieces)}
    return [{"id": call_id, "type": "function", "function": whole, "extra_content": extra}]


def _arguments_object(number: int, call_id: str, name: str, pieces: list[str]) -> list[Json]:
    arguments = json.loads("".join(pieces)) if pieces else None
    return [{"index": number, "id": call_id, "function": {"name": name, "arguments": arguments}}]


def _name_in_pieces(number: int, call_id: str, name: str, pieces: list[str]) -> list[Json]:
    half = len(name) // 2
    return [
        {"index": number, "id": call_id, "type": "function"},
        {"index": number, "function": {"name": name[:half], "arguments": None}},
        {"index": number, "function": {"name": name[half:]}},
        *({"index": number, "function": {"arguments": piece}} for piece in pieces),
    ]


def _nameless(number: int, call_id: str, name: str, pieces: list[str]) -> list[Json]:
    return [{"index": number, "id": call_id, "function": {"arguments": piece}} for piece in pieces or [""]]


CALL_STYLES = (
    *(_clean, _id_repeated, _empty_id_later, _no_id, _index_reused),
    *(_no_index, _arguments_object, _name_in_pieces, _nameless),
)


@st.composite
def _calls_streamed(draw: st.DrawFn) -> list[Json]:
    calls = []
    for number in range(draw(st.integers(0, 3))):
        style = draw(st.sampled_from(CALL_STYLES))
        call_id = draw(st.sampled_from([f"call_{number}", f"functions.f:{number}", "same", "x" * 70]))
        calls.append(style(number, call_id, draw(names()), draw(cuts(draw(argument_texts()), max_cuts=3))))
    deltas = draw(interleaved(calls))
    if draw(st.integers(0, 9)) == 0:
        deltas.append({"index": 9, "id": None, "function": None})
    return [chunk({"index": 0, "delta": {"tool_calls": [delta]}, "finish_reason": None}) for delta in deltas]


@st.composite
def _endings(draw: st.DrawFn) -> list[Json]:
    """Finish and usage, each in one of its places, or missing."""
    usage = draw(st.one_of(usages(), odd_usages(), st.sampled_from([{}, {"cached_tokens": 1, "total_tokens": 9}])))
    finish = draw(st.one_of(finishes(), st.none()))
    last: Json = {"index": 0, "delta": {}, "finish_reason": finish}
    return draw(
        st.sampled_from(
            [
                [chunk(last)],
                [chunk(last), chunk(usage=usage)],
                [chunk(last, usage=usage)],
                [chunk({**last, "usage": usage})],
                [chunk(last, x_groq={"id": "req_1", "usage": usage})],
                [chunk(last, usage=usage), chunk(usage=usage), chunk(usage=None)],
                [chunk(last), EMPTY_CHUNKS[1], chunk(usage=usage)],
                [chunk({**last, "delta": None})],
                [chunk(last), chunk(last)],
                [chunk(usage=usage)],
                [],
            ]
        )
    )


@st.composite
def chat_streams(draw: st.DrawFn) -> list[Json]:
    """The chunks of one stream: texts and calls in any order and disorder, maybe broken off, maybe with an error."""
    pieces = draw(st.lists(_texts_streamed(), max_size=5))
    calls = draw(_calls_streamed())
    body = draw(interleaved([pieces, calls])) if draw(st.booleans()) else [*pieces, *calls]
    chunks = [*body, *draw(_endings())]
    for extra in draw(st.lists(st.sampled_from(EMPTY_CHUNKS), max_size=2)):
        chunks.insert(draw(st.integers(0, len(chunks))), extra)
    if draw(st.integers(0, 9)) == 0:
        chunks.insert(draw(st.integers(0, len(chunks))), draw(st.sampled_from(ERRORS)))
    if draw(st.integers(0, 9)) == 0:
        chunks.append(chunk({"index": 0, "delta": draw(_deltas()), "finish_reason": None}))
    return chunks


@st.composite
def _calls_whole(draw: st.DrawFn) -> list[Json]:
    calls = []
    for number in range(draw(st.integers(0, 3))):
        arguments = draw(argument_texts())
        said: Any = draw(st.sampled_from([arguments, json.loads(arguments), None, "", "{broken"]))
        call: Json = {"type": "function", "function": {"name": draw(names()), "arguments": said}}
        call |= draw(st.sampled_from([{"id": f"call_{number}"}, {"id": ""}, {"id": None}, {}]))
        calls.append({**call, "index": number} if draw(st.booleans()) else call)
    return calls


@st.composite
def chat_completions(draw: st.DrawFn) -> Json:
    """A whole answer; as in the streams, anything may be missing or in an odd place."""
    message: Json = {"role": "assistant", "content": None}
    for delta in draw(st.lists(_deltas(), max_size=3)):
        message |= delta
    if calls := draw(_calls_whole()):
        message["tool_calls"] = calls
    choice: Json = {"index": 0, "message": message, "finish_reason": draw(st.one_of(finishes(), st.none()))}
    if isinstance(message["content"], str) and draw(st.booleans()):
        choice["logprobs"] = draw(logprobs(message["content"]))
    places: list[Json] = [{}, {"usage": None}, {"usage": draw(usages())}, {"x_groq": {"usage": draw(usages())}}]
    head = draw(st.sampled_from([{"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m"}, {}]))
    return {
        **head,
        "choices": [choice],
        **draw(st.sampled_from(places)),
        **draw(st.sampled_from([{}, {"timings": {}}])),
    }
