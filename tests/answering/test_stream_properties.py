"""The invariants of streams (S) and across forms (X) for whatever a backend may send."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import PlainStream, chat_completions, chat_streams, chunkings, plain_chat_streams
from tests.support.checks import accumulate, check_response
from tests.support.translation import (
    SIMPLE,
    Json,
    Run,
    chat_body,
    counted_ids,
    run,
    run_bytes,
    sse_bytes,
    text_of,
    translate,
    without_ids,
)
from translators.answering.stream import ResponseStream
from translators.errors import UpstreamError
from translators.wire.chunks import ChunkDecoder
from translators.wire.sse import SSEDecoder

SUMMARIZED: Json = {**SIMPLE, "reasoning": {"summary": "auto"}}
WITH_LOGPROBS: Json = {**SIMPLE, "include": ["message.output_text.logprobs"]}
REQUESTS = st.sampled_from([SIMPLE, SUMMARIZED, WITH_LOGPROBS])
RUNS = plain_chat_streams().map(lambda answer: answer.chunks)
ENDS = {"stop": "completed", "tool_calls": "completed", "length": "incomplete", "content_filter": "incomplete"}


@given(chat_streams(), REQUESTS)
def test_any_stream_is_well_formed(chunks: list[Json], request: Json) -> None:
    """S1-S10, S13; every run of a test checks its frames, too (S14, S17)."""
    check_response(run(chunks, request).response)


@given(chat_completions(), REQUESTS)
def test_any_whole_answer_is_well_formed(completion: Json, request: Json) -> None:
    check_response(run([completion], request).response)


@given(chat_completions().map(lambda completion: [completion]) | chat_streams() | RUNS, REQUESTS)
def test_a_response_is_the_same_whether_its_events_are_heard_or_not(chunks: list[Json], request: Json) -> None:
    """An upstream may send a stream unasked."""
    stream = ResponseStream(translate(request), new_id=counted_ids(), created_at=1, heard=False)
    assert stream.start() == []
    decoder = ChunkDecoder()
    for piece in (sse_bytes([chunk], done=False) for chunk in chunks):
        for found in decoder.feed(piece):
            assert stream.feed(found) == []
    assert stream.finish(said_done=True, completed_at=2) == []
    heard = run(chunks, request).response
    assert msgspec.json.decode(msgspec.json.encode(stream.response)) == heard


@given(chat_streams(), st.data())
def test_a_cut_stream_is_well_formed_and_complete_only_after_a_finish(chunks: list[Json], data: st.DataObject) -> None:
    """S11."""
    whole = sse_bytes(chunks)
    cut = data.draw(st.integers(0, len(whole)))
    result = run_bytes([whole[:cut]])
    position, finished = 0, False
    for chunk in chunks:
        position += len(sse_bytes([chunk], done=False))
        complete = position - 2 <= cut  # the end of the stream closes a frame as a blank line does
        finished = finished or (complete and _finishes(chunk))
    said_done = cut >= len(whole) - 2
    if result.response["status"] != "failed":
        assert finished or said_done


def _finishes(chunk: Json) -> bool:
    choices = chunk.get("choices") or [{}]
    return bool(choices[0].get("finish_reason"))


@given(chat_streams(), st.data())
def test_failure_anywhere_is_well_formed(chunks: list[Json], data: st.DataObject) -> None:
    """S12."""
    place = data.draw(st.integers(0, len(chunks)))
    result = Run().feed(*chunks[:place]).fail(UpstreamError("gone", code="server_error"))
    assert result.response["status"] == "failed"
    assert result.response["error"]["message"]


@given(plain_chat_streams(), REQUESTS)
def test_streamed_is_whole(answer: PlainStream, request: Json) -> None:
    """X1."""
    streamed = run(answer.chunks, request).response
    whole = run([answer.completion], request).response
    assert without_ids(streamed) == without_ids(whole)


@given(chat_streams(), st.sampled_from(["\n", "\r\n", "\r"]), st.data())
def test_events_do_not_depend_on_how_bytes_arrive(chunks: list[Json], newline: str, data: st.DataObject) -> None:
    """X2."""
    stream = sse_bytes(chunks, newline=newline)
    assert run_bytes(data.draw(chunkings(stream))).events == run_bytes([stream]).events


@given(plain_chat_streams(), REQUESTS)
def test_the_official_accumulator_agrees(answer: PlainStream, request: Json) -> None:
    """X3."""
    result = run(answer.chunks, request)
    rebuilt = accumulate(result.events)
    cut = {item["id"] for item in result.response["output"] if item["status"] == "incomplete" and "call_id" in item}
    for ours, theirs in zip(result.response["output"], rebuilt["output"], strict=True):
        status = {"status": "incomplete"} if ours["id"] in cut else {}
        assert {key: value for key, value in {**theirs, **status}.items() if value is not None} == ours


def untagged(answer: PlainStream) -> bool:
    """Tags at the start of a text make it reasoning (tests/dialects/test_reading.py)."""
    return not answer.text.lstrip().startswith(("<think>", "</think>"))


def spoken(answer: PlainStream) -> str:
    """White space before a call is no word (tests/dialects/test_reading.py)."""
    return "" if answer.calls and answer.text.isspace() else answer.text


@given(plain_chat_streams().filter(untagged))
def test_meaning_survives(answer: PlainStream) -> None:
    response = run(answer.chunks).response
    assert response["status"] == ENDS[answer.finish]
    assert text_of(response) == spoken(answer)
    calls = [item for item in response["output"] if item["type"] == "function_call"]
    expected = [(call_id, name, arguments or "{}") for call_id, name, arguments in answer.calls]
    if answer.finish == "length" and answer.calls:
        assert [(c["call_id"], c["name"]) for c in calls] == [call[:2] for call in expected]
        assert calls[-1]["arguments"] == answer.calls[-1][2]
    else:
        assert [(c["call_id"], c["name"], c["arguments"]) for c in calls] == expected
    if answer.usage is not None:
        assert response["usage"]["input_tokens"] == answer.usage["prompt_tokens"]
        assert response["usage"]["output_tokens"] == answer.usage["completion_tokens"]


@given(plain_chat_streams().filter(lambda answer: answer.finish in ("stop", "tool_calls") and untagged(answer)))
def test_output_replays_as_input(answer: PlainStream) -> None:
    """X4: text, names, ids, arguments and reasoning reach the upstream again, in one assistant message."""
    output = run(answer.chunks).response["output"]
    outputs = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "done"}
        for item in output
        if item["type"] == "function_call"
    ]
    history = [{"role": "user", "content": "q"}, *output, *outputs, {"role": "user", "content": "next"}]
    messages = chat_body({"model": "m", "input": history}, "llamacpp")["messages"]
    if not (answer.text or answer.calls or answer.refusal):
        return
    said: dict[str, Any] = messages[1]
    assert said["content"] == spoken(answer) + answer.refusal
    assert said.get("reasoning_content", "") == answer.reasoning
    calls = [(c["id"], c["function"]["name"], c["function"]["arguments"]) for c in said.get("tool_calls", [])]
    assert calls == [(call_id, name, arguments or "{}") for call_id, name, arguments in answer.calls]


@given(chat_streams(), chat_streams(), st.data())
def test_streams_are_independent(first: list[Json], second: list[Json], data: st.DataObject) -> None:
    """X5: interleaved or one after the other, the events are the same."""
    one, other = Run(), Run()
    queue = [(one, chunk) for chunk in first]
    for place, chunk in enumerate(second):
        queue.insert(data.draw(st.integers(0, len(queue))) if place == 0 else len(queue), (other, chunk))
    for stream, chunk in queue:
        stream.feed(chunk)
    assert one.finish().events == run(first).events
    assert other.finish().events == run(second).events


@given(st.lists(st.binary()))
def test_the_decoder_takes_any_bytes(pieces: list[bytes]) -> None:
    decoder = SSEDecoder()
    for piece in pieces:
        decoder.feed(piece)
    decoder.close()


def test_each_entry_of_a_whole_answer_is_a_call_of_its_own() -> None:
    """Some servers give every call the same id; clients pair outputs by it, so the second gets one of its own."""
    call = {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call, call]}
    response = run([{"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}]).response
    calls = [(item["name"], item["arguments"]) for item in response["output"]]
    assert calls == [("f", "{}"), ("f", "{}")]
    assert len({item["call_id"] for item in response["output"]}) == 2
