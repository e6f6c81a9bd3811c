"""`plain_chat_streams`: clean answers in OpenAI's form together with what they mean, so that tests compare meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.strategies.values import argument_texts, cuts, ids, interleaved, names, texts

Json = dict[str, Any]

HEAD: Json = {"id": "chatcmpl-1", "created": 1700000000, "model": "m"}


@dataclass(frozen=True)
class PlainStream:
    """One answer: its meaning, the `chunks` that stream it and the `completion` that says it whole.

    With finish `length` the arguments of the last call may be cut off. `calls` holds (id, name, arguments).
    """

    text: str
    reasoning: str
    refusal: str
    calls: tuple[tuple[str, str, str], ...]
    finish: str
    usage: Json | None
    chunks: tuple[Json, ...]

    @property
    def completion(self) -> Json:
        message: Json = {"role": "assistant", "content": self.text or None, "refusal": self.refusal or None}
        if self.reasoning:
            message["reasoning_content"] = self.reasoning
        if self.calls:
            message["tool_calls"] = [
                {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
                for call_id, name, arguments in self.calls
            ]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish}
        whole: Json = {**HEAD, "object": "chat.completion", "choices": [choice]}
        return whole if self.usage is None else {**whole, "usage": self.usage}


def chunk(*choices: Json, **more: object) -> Json:
    return {**HEAD, "object": "chat.completion.chunk", "choices": list(choices), **more}


def choice(delta: Json, finish: str | None = None) -> Json:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


@st.composite
def usages(draw: st.DrawFn) -> Json:
    prompt, answer = draw(st.integers(1, 10**6)), draw(st.integers(0, 10**6))
    usage: Json = {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
    if draw(st.booleans()):
        usage["prompt_tokens_details"] = {"cached_tokens": draw(st.integers(0, prompt))}
    if draw(st.booleans()):
        usage["completion_tokens_details"] = {"reasoning_tokens": draw(st.integers(0, answer))}
    return usage


def odd_usages() -> st.SearchStrategy[Json]:
    """Counts that cannot be true, or that are left out."""
    counts = st.sampled_from([-(10**30), -1, 0, 7, 10**9, 10**9 + 1, 10**30, None])
    details = st.fixed_dictionaries({}, optional={"cached_tokens": counts, "reasoning_tokens": counts})
    names = ("prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "reasoning_tokens")
    places = ("prompt_tokens_details", "completion_tokens_details")
    return st.fixed_dictionaries(
        {}, optional=dict.fromkeys(names, counts) | dict.fromkeys(places, st.one_of(st.none(), details))
    )


@st.composite
def _calls(draw: st.DrawFn) -> list[tuple[str, str, str]]:
    call_ids = draw(st.lists(ids("call"), unique=True, max_size=3))
    return [(call_id, draw(names()), draw(argument_texts())) for call_id in call_ids]


@st.composite
def _call_deltas(draw: st.DrawFn, index: int, call: tuple[str, str, str]) -> list[Json]:
    call_id, name, arguments = call
    first = {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
    rest = [{"index": index, "function": {"arguments": piece}} for piece in draw(cuts(arguments))]
    return [{"tool_calls": [delta]} for delta in (first, *rest)]


@st.composite
def plain_chat_streams(draw: st.DrawFn, *, with_calls: bool = True) -> PlainStream:
    """Reasoning, then text or a refusal, then calls whose deltas may interleave; finish and usage as from OpenAI."""
    reasoning = draw(st.one_of(st.just(""), texts()))
    calls = draw(_calls()) if with_calls else []
    text = draw(texts())
    refusal = "" if text or calls else draw(texts())
    finish = draw(st.sampled_from(["stop", "stop", "length", "content_filter"])) if not calls else "tool_calls"
    if calls and draw(st.integers(0, 4)) == 0:
        call_id, name, arguments = calls[-1]
        calls[-1] = (call_id, name, arguments[: draw(st.integers(0, len(arguments)))])
        finish = "length"
    usage = draw(st.one_of(st.none(), usages()))
    deltas: list[Json] = [{"role": "assistant", "content": draw(st.sampled_from(["", None]))}]
    deltas += [{"reasoning_content": piece} for piece in draw(cuts(reasoning))]
    deltas += [{"content": piece} for piece in draw(cuts(text))]
    deltas += [{"refusal": piece} for piece in draw(cuts(refusal))]
    deltas += draw(interleaved([draw(_call_deltas(index, call)) for index, call in enumerate(calls)]))
    chunks = [chunk(choice(delta)) for delta in deltas] + [chunk(choice({}, finish))]
    if usage is not None:
        chunks.append(chunk(usage=usage))
    return PlainStream(text, reasoning, refusal, tuple(calls), finish, usage, tuple(chunks))
