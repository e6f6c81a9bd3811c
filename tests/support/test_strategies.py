"""The strategies keep their promises: plain streams mean what they say, and everything is JSON."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import (
    PlainStream,
    broken_requests,
    chat_completions,
    chat_streams,
    chunkings,
    plain_chat_streams,
    responses_requests,
)


@given(plain_chat_streams())
def test_a_plain_stream_means_what_it_says(stream: PlainStream) -> None:
    said = {"content": "", "reasoning_content": "", "refusal": ""}
    calls: dict[int, tuple[str, str, str]] = {}
    finishes = []
    for choice in (choice for chunk in stream.chunks for choice in chunk["choices"]):
        finishes += [choice["finish_reason"]] if choice["finish_reason"] else []
        for key in said:
            said[key] += choice["delta"].get(key) or ""
        for delta in choice["delta"].get("tool_calls", ()):
            call_id, name, arguments = calls.get(delta["index"], (delta.get("id"), delta["function"].get("name"), ""))
            calls[delta["index"]] = (call_id, name, arguments + delta["function"]["arguments"])
    assert said == {"content": stream.text, "reasoning_content": stream.reasoning, "refusal": stream.refusal}
    assert tuple(calls.values()) == stream.calls
    assert finishes == [stream.finish]


@given(plain_chat_streams())
def test_a_plain_completion_says_the_same(stream: PlainStream) -> None:
    [choice] = stream.completion["choices"]
    message = choice["message"]
    assert (message["content"] or "", message.get("reasoning_content", "")) == (stream.text, stream.reasoning)
    assert [call["function"]["arguments"] for call in message.get("tool_calls", ())] == [
        call[2] for call in stream.calls
    ]
    assert stream.completion.get("usage") == stream.usage


@given(responses_requests())
def test_every_call_in_a_request_is_answered_after_it(request: dict[str, Any]) -> None:
    items = request["input"] if isinstance(request["input"], list) else []
    open_calls = []
    for item in items:
        if item.get("type") == "function_call":
            open_calls.append(item["call_id"])
        elif item.get("type") == "function_call_output":
            open_calls.remove(item["call_id"])
    assert not open_calls
    assert len(items) > 0 or isinstance(request["input"], str)


@given(st.one_of(chat_streams(), chat_completions(), responses_requests(), broken_requests()))
def test_everything_is_json(value: Any) -> None:
    assert json.loads(json.dumps(value, allow_nan=False).encode()) == value


@given(st.binary(max_size=50), st.data())
def test_chunks_are_the_whole_without_empty_ones(whole: bytes, data: st.DataObject) -> None:
    chunks = data.draw(chunkings(whole))
    assert b"".join(chunks) == whole
    assert all(chunks)
