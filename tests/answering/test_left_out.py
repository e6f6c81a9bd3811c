"""A2, A6: what an answer holds and nobody understands is left out and told of, once; the rest is read all the same."""

from __future__ import annotations

import copy
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import plain_chat_streams
from tests.strategies.plain import PlainStream
from tests.support.chat_backend import ChatBackend, json_answer, sse_answer
from tests.support.checks import check_events, check_frames, check_response
from tests.support.live import USAGE, LiveProxy, chunk, config_for
from tests.support.translation import SIMPLE, Json, Run, run_bytes, sse_bytes, text_of, without_ids
from translators.schema import chat
from translators.wire.chunks import ChunkDecoder

TOOLS: Json = {**SIMPLE, "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}]}


def told(run: Run) -> list[str]:
    return [f"{adaptation.action} {adaptation.param}" for adaptation in run.stream.adaptations]


def streamed(*chunks: Json) -> tuple[Json, list[str]]:
    run = Run(TOOLS).feed(*chunks)
    return run.finish().response, [each for each in told(run) if "usage" not in each]


def whole(message: Json, **choice: Any) -> tuple[Json, list[str]]:
    return streamed({"choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}]})


STOP: Json = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def hi(delta: Json | None = None, choice: Json | None = None, **fields: Any) -> Json:
    spoken = {"index": 0, "delta": {"content": "hi", **(delta or {})}, "finish_reason": None, **(choice or {})}
    return {"choices": [spoken], **fields}


@pytest.mark.parametrize(
    ("odd", "at"),
    [
        (hi(delta={"x_odd": "a"}), "choices[0].delta.x_odd"),
        (hi(delta={"executed_tools": [{"type": "search"}]}), "choices[0].delta.executed_tools"),
        (hi(choice={"x_odd": {"a": 1}}), "choices[0].x_odd"),
        (hi(x_odd=[1]), "x_odd"),
        (hi(delta={"tool_calls": {}}), "choices[0].delta.tool_calls"),
        (hi(delta={"tool_calls": {"0": {"id": "a"}}}), "choices[0].delta.tool_calls"),
        (hi(delta={"tool_calls": ["a"]}), "choices[0].delta.tool_calls[]"),
        (hi(delta={"function_call": ""}), "choices[0].delta.function_call"),
        (hi(delta={"annotations": {}}), "choices[0].delta.annotations"),
        (hi(delta={"annotations": [{"type": "url_citation", "url_citation": 3}]}), "choices[0].delta.annotations[]"),
        (hi(delta={"reasoning_details": "a"}), "choices[0].delta.reasoning_details"),
        (hi(delta={"reasoning_opaque": 3}), "choices[0].delta.reasoning_opaque"),
        (hi(delta={"thinking_blocks": "a"}), "choices[0].delta.thinking_blocks"),
        (hi(delta={"extra_content": "a"}), "choices[0].delta.extra_content"),
        (hi(delta={"reasoning": 3}), "choices[0].delta.reasoning"),
        (hi(delta={"refusal": 3}), "choices[0].delta.refusal"),
        (hi(delta={"images": [3]}), "choices[0].delta.images"),
        (hi(choice={"logprobs": []}), "choices[0].logprobs"),
        (hi(choice={"logprobs": {"content": [{"logprob": "x"}]}}), "choices[0].logprobs"),
        ({"choices": [hi()["choices"][0], {"index": 1, "delta": {"content": "ho"}}]}, "choices[1]"),
        ({"choices": [hi()["choices"][0], "odd"]}, "choices[1]"),
    ],
)
def test_a6_the_odd_field_is_told_and_the_text_is_read(odd: Json, at: str) -> None:
    response, adaptations = streamed(odd, odd, STOP)
    assert text_of(response) == "hihi"
    assert adaptations == [f"dropped {at}"]


@pytest.mark.parametrize(
    "empty",
    [
        hi(delta={"x_odd": ""}),
        hi(delta={"x_odd": {"a": [None, {}, False, 0]}}),
        hi(delta={"role": "assistant", "tool_calls": None, "function_call": None, "annotations": [], "audio": None}),
        hi(delta={"provider_specific_fields": {"refusal": None}, "images": [], "thinking_blocks": []}),
        hi(choice={"logprobs": None, "native_finish_reason": None, "content_filter_results": {"hate": {"a": 1}}}),
        hi(
            system_fingerprint="fp",
            obfuscation="xx",
            provider="P",
            timings={"a": 1},
            id="c",
            created=1,
            x_groq={"id": 1},
        ),
    ],
)
def test_nothing_is_told_of_what_says_nothing(empty: Json) -> None:
    assert streamed(empty, STOP)[1] == []


def test_a_choice_alone_is_one_however_it_is_numbered_or_wrapped() -> None:
    assert text_of(streamed({"choices": hi()["choices"][0]}, STOP)[0]) == "hi"
    later = hi(choice={"index": 1})
    assert text_of(streamed(later, {"choices": [{"index": 1, "delta": {}, "finish_reason": "stop"}]})[0]) == "hi"


def test_numbers_that_came_as_texts_are_numbers() -> None:
    call = {"index": "0", "id": 7, "function": {"name": "f", "arguments": "{}"}}
    response, adaptations = whole({"content": None, "tool_calls": [call]})
    assert response["output"][0]["call_id"] == "7"
    assert adaptations == []
    entry: Json = {"token": "hi", "logprob": "-0.5", "bytes": None, "top_logprobs": []}
    run = Run({**SIMPLE, "include": ["message.output_text.logprobs"]}).feed(
        hi(choice={"logprobs": {"content": [entry]}})
    )
    found = run.feed(STOP).finish().response["output"][0]["content"][0]["logprobs"]
    assert found[0]["logprob"] == -0.5


def test_the_parts_of_a_content_that_have_no_place_are_told() -> None:
    parts = [{"type": "text", "text": "hi"}, {"type": "video", "video": "AAAA"}]
    response, adaptations = whole({"content": parts})
    assert text_of(response) == "hi"
    assert adaptations == ["dropped choices[0].message.content"]


def test_sound_is_told_and_what_is_said_in_it_is_the_text() -> None:
    sound = {"id": "a", "data": "UklGRg==", "transcript": "hi there", "expires_at": 1}
    response, adaptations = whole({"content": None, "audio": sound})
    assert text_of(response) == "hi there"
    assert adaptations == ["dropped choices[0].message.audio"]


def test_an_error_within_the_choice_is_the_error() -> None:
    error = {"code": 502, "message": "the provider fell over", "metadata": {}}
    response, _ = streamed(hi(), {"choices": [{"index": 0, "delta": {}, "finish_reason": "error", "error": error}]})
    assert response["status"] == "failed"
    assert "fell over" in response["error"]["message"]


def test_no_more_is_told_than_anybody_would_read() -> None:
    run = Run().feed(*(hi(delta={f"x_{number}": "a", "y" * 1000: "b"}) for number in range(1000)), STOP)
    run.finish()
    assert len(run.stream.adaptations) < 100
    assert max(len(adaptation.param) for adaptation in run.stream.adaptations) < 200


# --- any answer, with anything added at any level ------------------------------------------------

ODD_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(["a", "", [], {}, 0, 1, -1.5, True, False, None, [[]], {"a": None}, [{"a": "b"}], ["a"], "0"])
)
KNOWN = st.sampled_from(
    [*chat.Delta.__struct_fields__, *chat.Choice.__struct_fields__, *chat.ChatChunk.__struct_fields__]
)
MADE_UP = st.sampled_from(["x_odd", "zz", "made_up"])
# What an answer is made of, and what ends it: anything else may be added without changing what it says.
MEANT = {"choices", "delta", "message", "content", "reasoning_content", "refusal", "tool_calls", "function_call"}
MEANT |= {"finish_reason", "index", "error", "code", "base_resp", "object", "usage", "reasoning", "reasoning_text"}
MEANT |= {"thinking", "images", "audio", "annotations", "text", "reasoning_details", "thinking_blocks", "citations"}
MEANT |= {"search_results", "web_search", "search_info", "reasoning_opaque", "extra_content", "logprobs", "x_groq"}
MEANT |= {"provider_specific_fields", "service_tier"}


def levels(value: Json) -> list[Json]:
    """The objects of a chunk that have fields of their own."""
    found = [value]
    for choice in value.get("choices", []):
        found.append(choice)
        for name in ("delta", "message"):
            if isinstance(choice.get(name), dict):
                found += [choice[name], *(choice[name].get("tool_calls") or [])]
    return found


@given(plain_chat_streams(), st.data())
def test_a_made_up_field_changes_nothing_and_is_told_if_it_says_something(
    answer: PlainStream, data: st.DataObject
) -> None:
    chunks: list[Json] = copy.deepcopy([*answer.chunks])
    plain = run_bytes([sse_bytes(chunks)], TOOLS).response
    place = data.draw(st.sampled_from([level for chunk in chunks for level in levels(chunk)]))
    place["x_odd"] = value = data.draw(ODD_VALUES)
    run = Run(TOOLS).feed(*chunks)
    assert without_ids(run.finish().response) == without_ids(plain)
    assert any("x_odd" in each for each in told(run)) == says(value)


def says(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(says, value.values()))
    return any(map(says, value)) if isinstance(value, list) else bool(value)


@given(plain_chat_streams(), st.lists(st.tuples(KNOWN | MADE_UP, ODD_VALUES), min_size=1, max_size=3), st.data())
def test_any_field_of_any_type_at_any_level_keeps_the_stream_well_formed(
    answer: PlainStream, added: list[tuple[str, Any]], data: st.DataObject
) -> None:
    """S1-S14 hold, streamed and whole, in runs and one by one."""
    chunks: list[Json] = copy.deepcopy([*answer.chunks, answer.completion])
    for name, value in added:
        data.draw(st.sampled_from([level for chunk in chunks for level in levels(chunk)]))[name] = value
    *stream, completion = chunks
    check_response(run_bytes([sse_bytes(stream)], TOOLS).response)
    check_response(Run(TOOLS).feed(*stream).finish().response)
    check_response(Run(TOOLS).feed(completion).finish().response)


@given(plain_chat_streams(), KNOWN.filter(lambda name: name not in MEANT), ODD_VALUES, st.data())
def test_fields_beside_the_answer_never_cost_its_text(
    answer: PlainStream, name: str, value: Any, data: st.DataObject
) -> None:
    chunks: list[Json] = copy.deepcopy([*answer.chunks])
    plain = run_bytes([sse_bytes(chunks)], TOOLS).response
    place = data.draw(st.sampled_from([level for chunk in chunks for level in levels(chunk)[:2]]))
    place[name] = value
    assert text_of(run_bytes([sse_bytes(chunks)], TOOLS).response) == text_of(plain)


# --- where it is told ----------------------------------------------------------------------------


async def test_it_is_told_in_the_header_of_a_plain_answer_and_in_a_comment_at_the_end_of_a_stream() -> None:
    message = {"role": "assistant", "content": "hi", "x_odd": "a"}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USAGE}
    chunks = [chunk({"content": "hi", "x_odd": "a\r\nevent: x"}), chunk(finish="stop"), chunk(choices=[], usage=USAGE)]
    async with ChatBackend() as backend, LiveProxy(config_for(backend.base_url)) as proxy:
        backend.script(json_answer(body), sse_answer(chunks))
        plain = await proxy.http.post("/responses", json=SIMPLE)
        assert plain.headers["x-dragoman-adapted"] == "dropped choices[0].message.x_odd"
        stream = await proxy.http.post("/responses", json={**SIMPLE, "stream": True})
        check_events(check_frames(stream.content))
        assert "x-dragoman-adapted" not in stream.headers
        last = stream.content.split(b"\n\n")[-3:]
        assert last == [b": x-dragoman-adapted: dropped choices[0].delta.x_odd", b"data: [DONE]", b""]


def test_json_that_is_deep_is_no_end_of_the_process() -> None:
    deep: Any = "hi"
    for _ in range(400):
        deep = [deep]
    for field in ("content", "x_odd", "images", "reasoning"):
        response, _ = streamed(hi(delta={field: deep}), STOP)
        assert response["status"] in ("completed", "failed")
    assert msgspec.json.encode(json.dumps(deep))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize(
    ("field", "at"),
    [
        (b'"logprobs":{"content":[{"token":"hi","logprob":%b}]}', "choices[0].logprobs.content[].logprob"),
        (b'"stop_reason":%b', "choices[0].stop_reason"),
        (b'"x_odd":{"score":[%b]}', "choices[0].x_odd.score[]"),
    ],
)
def test_what_is_no_number_in_json_is_left_out(number: str, field: bytes, at: str) -> None:
    """Python's `json` writes these, and so do servers in Python, of log probabilities above all."""
    piece = b'data: {"choices":[{"index":0,"delta":{"content":"NaN"},%b}]}\n\n' % (field % number.encode())
    run = Run(TOOLS)
    decoder = ChunkDecoder()
    for data in (piece, piece, sse_bytes([STOP]), b""):
        run.take(decoder.feed(data) if data else decoder.close())
    response = run.finish().response
    assert (response["status"], text_of(response)) == ("completed", "NaNNaN")
    assert f"dropped {at}" in told(run)
