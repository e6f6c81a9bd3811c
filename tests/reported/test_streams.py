"""Calls and streams as backends cut and order them, and how they end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.drive import WEATHER, Stream, answer, arguments, call, delta, translate
from translators.answering.stream import ResponseStream
from translators.errors import UpstreamError
from translators.recovery.retry_after import retry_after, retry_after_in
from translators.recovery.upstream_errors import read_error
from translators.wire.chunks import ChunkDecoder

Json = dict[str, Any]
TOOLS: Json = {"tools": [WEATHER, {**WEATHER, "name": "search"}]}


def fragment(index: int | None = 0, **fields: Any) -> Json:
    """A chunk with one delta of a call; `name` and `arguments` belong to its function."""
    function = {name: fields.pop(name) for name in ("name", "arguments") if name in fields}
    place = {} if index is None else {"index": index}
    return delta(tool_calls=[{**place, **fields, "function": function}])


def calls_of(*chunks: Json) -> list[tuple[str, str]]:
    found = answer(TOOLS, *chunks, delta("tool_calls"))
    return [(item["name"], item["arguments"]) for item in found.output]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ('```json\n{"a":1}\n```', '{"a":1}'),
        ('The call: {"a":1} as asked', '{"a":1}'),
        ('{<|"|>a<|"|>:1}', '{<|"|>a<|"|>:1}'),  # it begins as an object does, so it is out already
        ("nothing of the kind", '{"arguments":"nothing of the kind"}'),
        ("", "{}"),
        ("  ", "{}"),
        (' {"a" : 1}', ' {"a" : 1}'),
    ],
)
def test_t30_t31_arguments_are_freed_of_what_is_around_them(said: str, meant: str) -> None:
    whole = answer(TOOLS, call(said, finish="tool_calls"))
    pieces = answer(TOOLS, call(said[:1]), *map(arguments, said[1:]), delta("tool_calls"))
    assert whole.output[0]["arguments"] == pieces.output[0]["arguments"] == meant


def test_t30_a_call_cut_by_the_length_limit_is_never_done() -> None:
    for said in ('{"a":', "```json\n{"):
        found = answer(TOOLS, call(said), delta("length"))
        assert found.response["status"] == "incomplete"
        assert found.done_items == []
        assert found.output[0]["status"] == "incomplete"


@pytest.mark.parametrize("kind", ["apply_patch", "shell", "local_shell", "computer", "custom"])
def test_t30_no_call_of_any_type_is_done_when_cut(kind: str) -> None:
    tool = {"type": kind, "name": "c"} if kind == "custom" else {"type": kind}
    found = answer({"tools": [tool]}, call('{"inp', "c" if kind == "custom" else kind), delta("length"))
    assert found.response["status"] == "incomplete"
    assert found.done_items == []


def test_t32_arguments_that_come_as_an_object_leave_as_text() -> None:
    assert calls_of(fragment(id="1", name="weather", arguments={"a": 1})) == [("weather", '{"a":1}')]


def test_t43_the_name_is_the_same_in_added_done_and_final() -> None:
    found = answer(TOOLS, call("{}", finish="tool_calls"))
    items = [event["item"] for event in found.of("output_item.added", "output_item.done")] + found.output
    assert {item["name"] for item in items} == {"weather"}


def test_t44_interleaved_calls_keep_their_own_arguments() -> None:
    chunks = [
        fragment(0, id="a", name="weather", arguments='{"x"'),
        fragment(1, id="b", name="search", arguments='{"y"'),
        fragment(0, arguments=":1}"),
        fragment(1, arguments=":2}"),
    ]
    assert calls_of(*chunks) == [("weather", '{"x":1}'), ("search", '{"y":2}')]


def test_t45_index_zero_for_all_and_several_calls_in_a_chunk() -> None:
    apart = [fragment(0, id="a", name="weather", arguments="{}"), fragment(0, id="b", name="search", arguments="{}")]
    assert calls_of(*apart) == [("weather", "{}"), ("search", "{}")]
    both = [part["choices"][0]["delta"]["tool_calls"][0] for part in apart]
    assert calls_of(delta(tool_calls=both)) == [("weather", "{}"), ("search", "{}")]


def test_t46_fragments_without_id_or_index_belong_to_the_open_call() -> None:
    chunks = [fragment(None, name="weather", arguments='{"x"'), fragment(None, arguments=":1}")]
    assert calls_of(*chunks) == [("weather", '{"x":1}')]


def test_t47_a_name_in_pieces_is_announced_whole() -> None:
    chunks = [fragment(id="a", name="wea"), fragment(name="ther"), fragment(arguments="{}")]
    assert calls_of(*chunks) == [("weather", "{}")]


def test_s01_s02_every_item_has_its_place_in_the_order_of_events() -> None:
    found = answer(
        TOOLS,
        delta(content="text"),
        delta(reasoning_content="hm"),
        call("{}"),
        call("{}", "search", index=1),
        delta("stop"),
    )
    assert [event["output_index"] for event in found.of("output_item.added")] == [0, 1, 2, 3]
    assert [item["type"] for item in found.output] == ["message", "reasoning", "function_call", "function_call"]


def test_s03_s05_a_text_has_its_whole_life_in_part_zero() -> None:
    found = answer({}, delta(content="a"), delta(content="b"), delta("stop"))
    assert [event["type"].removeprefix("response.") for event in found.events] == [
        *(
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
        ),
        *("output_text.done", "content_part.done", "output_item.done", "completed"),
    ]
    assert {event["content_index"] for event in found.of("output_text.delta")} == {0}


def test_s04_s06_numbers_and_ids_hold_through_the_stream() -> None:
    found = answer(TOOLS, delta(content="a"), call("{}", finish="tool_calls"))
    assert [event["sequence_number"] for event in found.events] == list(range(len(found.events)))
    assert [event["item"]["id"] for event in found.of("output_item.added")] == [item["id"] for item in found.output]


def test_s07_s08_keep_alive_is_a_real_event_and_no_item() -> None:
    stream = Stream({}).feed(delta(content="a"))
    [beat] = stream.inner.keep_alive()
    assert type(beat).__struct_config__.tag == "response.in_progress"
    assert beat.sequence_number == 5


def test_s10_usage_behind_the_finish_is_taken() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    found = answer({}, delta("stop", content="a"), {"choices": [], "usage": usage})
    assert found.response["usage"]["total_tokens"] == 3


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}])
def test_s11_counts_that_are_left_out_are_estimated(usage: Json | None) -> None:
    asked = translate({"input": "x" * 4000})
    chunks = (delta(reasoning_content="a" * 40), {**delta("stop", content="b" * 80), "usage": usage})
    stream = Stream({"input": "x" * 4000}).feed(*chunks)
    found = stream.finish().response["usage"]
    assert len(asked.body()) == pytest.approx(found["input_tokens"] * 4, abs=4)
    assert (found["output_tokens"], found["output_tokens_details"]["reasoning_tokens"]) == (30, 10)
    assert found["total_tokens"] == found["input_tokens"] + 30
    assert str(stream.inner.adaptations[-1]).startswith("emulated usage")


def test_s11_a_picture_counts_as_one_whatever_its_bytes() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 400_000}
    asked = {"input": [{"role": "user", "content": [picture]}]}
    assert 1000 < answer(asked, delta("stop", content="a")).response["usage"]["input_tokens"] < 1200


def test_s11_what_was_counted_stands_and_what_failed_was_not() -> None:
    said = {"prompt_tokens": 1, "completion_tokens": 0, "total_tokens": 1}
    counted = answer({}, {**delta("stop", content="a" * 400), "usage": said})
    assert counted.response["usage"]["output_tokens"] == 0
    assert answer({}, delta(content="a"), said_done=False).response["usage"] is None
    assert answer({}, delta("stop", content="a"), estimate_usage=False).response["usage"] is None


def test_s12_counts_are_consistent_and_details_whole() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7, "prompt_cache_hit_tokens": 9}
    found = answer({}, {**delta("stop", content="a"), "usage": usage}).response["usage"]
    assert found["input_tokens_details"]["cached_tokens"] == 5
    assert found["output_tokens_details"] == {"reasoning_tokens": 0}


def test_s13_an_error_within_a_success_fails_the_response() -> None:
    found = answer({}, {"choices": [], "error": {"message": "boom", "code": 500}}, said_done=False)
    assert found.response["error"] == {"code": "server_error", "message": "boom"}


def test_s14_s15_a_stream_that_ends_without_a_word_has_failed() -> None:
    for chunks in ([], [delta(content="a")], [delta(reasoning_content="hm")]):
        found = answer({}, *chunks, said_done=False)
        assert found.events[-1]["type"] == "response.failed"
        assert found.response["error"]["code"] == "server_error"
    assert answer({}, delta(content="a"), said_done=True).response["status"] == "completed"


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_s16_s17_what_was_cut_says_so(finish: str, reason: str) -> None:
    found = answer({}, delta(content="a"), delta(finish))
    assert found.response["incomplete_details"] == {"reason": reason}
    assert found.output[0]["status"] == "incomplete"


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        (400, "This model's maximum context length is 8192 tokens.", "context_length_exceeded"),
        (429, "You exceeded your current quota", "insufficient_quota"),
        (429, "Rate limit reached", "rate_limit_exceeded"),
        (503, "The engine is overloaded", "server_is_overloaded"),
        (400, "Something else is wrong", "invalid_prompt"),
        (500, "Something broke", "server_error"),
    ],
)
def test_s18_codes_say_what_codex_acts_upon(status: int, said: str, code: str) -> None:
    error = read_error(status, b'{"error":{"message":"%s"}}' % said.encode())
    assert Stream({}).fail(error).response["error"]["code"] == code


@pytest.mark.parametrize(
    "said",
    [
        "Requested token count exceeds the model's maximum context length of 131072 tokens.",
        "the request exceeds the available context size, try increasing it",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        "Please reduce the length of the messages or completion.",
        "input length exceeds the context length",
        "Input is too long for requested model.",
    ],
)
def test_s19_an_overflow_is_known_in_every_spelling(said: str) -> None:
    error = read_error(400, b'{"error":{"message":"%s"}}' % said.encode())
    assert (error.status, error.code) == (400, "context_length_exceeded")


def test_s20_chunks_without_choices_are_skipped() -> None:
    found = answer({}, {"choices": [], "prompt_filter_results": []}, delta("stop", content="a"))
    assert found.response["status"] == "completed"


@pytest.mark.parametrize("size", [1, 2, 3])
def test_s22_characters_cut_between_reads_are_whole_everywhere(size: int) -> None:
    text = "é\u2028🙂"
    function = {"name": "weather", "arguments": json.dumps({"a": text}, ensure_ascii=False)}
    chunks = [delta(content=text), delta("tool_calls", tool_calls=[{"index": 0, "id": "c", "function": function}])]
    data = "".join(f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n" for chunk in chunks).encode()
    decoder = ChunkDecoder()
    stream = ResponseStream(translate(TOOLS), new_id=lambda prefix: f"{prefix}_1", created_at=1)
    for at in range(0, len(data), size):
        for chunk in decoder.feed(data[at : at + size]):
            stream.feed(chunk)
    stream.finish(said_done=True, completed_at=2)
    message, call_ = stream.response.output
    assert message.content[0].text == text
    assert json.loads(call_.arguments) == {"a": text}


def test_s23_a_whole_answer_is_a_stream_of_one_chunk() -> None:
    whole = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}]}
    assert answer({}, whole).output[0]["content"] == answer({}, delta("stop", content="a")).output[0]["content"]


def test_s26_a_refusal_is_a_part_of_its_own() -> None:
    found = answer({}, delta(refusal="I "), delta("stop", refusal="won't"))
    assert found.output[0]["content"] == [{"type": "refusal", "refusal": "I won't"}]
    assert len(found.of("refusal.delta")) == 2


def test_s27_citations_are_events_and_part_of_the_text() -> None:
    cited = {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 1}}
    found = answer({}, delta(content="a"), delta("stop", annotations=[cited, cited]))
    assert len(found.of("output_text.annotation.added")) == 2
    assert [entry["url"] for entry in found.output[0]["content"][0]["annotations"]] == ["u", "u"]


def test_s28_log_probabilities_are_passed_on_when_asked_for() -> None:
    chunk = delta("stop", content="a")
    chunk["choices"][0]["logprobs"] = {"content": [{"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}]}
    found = answer({"include": ["message.output_text.logprobs"]}, chunk)
    assert found.output[0]["content"][0]["logprobs"][0]["logprob"] == -1.0
    assert found.of("output_text.delta")[0]["logprobs"]


@pytest.mark.parametrize("effort", ["max", "xhigh", "made_up"])
def test_s29_an_effort_nobody_knows_is_echoed(effort: str) -> None:
    assert answer({"reasoning": {"effort": effort}}, delta("stop")).response["reasoning"]["effort"] == effort


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("Rate limit reached. Please try again in 1.5s.", "2"),
        ("try again in 20ms", "1"),
        ("Please retry in 12.3s", "13"),
        ('{"@type":"RetryInfo","retryDelay":"39s"}', "39"),
        ("Please try again in 7m12.5s", "433"),
        ("try again in 2 minutes", "120"),
        ("Wait 3 seconds", "3"),
        ("Try again later", None),
        ("You used 12 seconds", None),
        ("try again in 99999h", "86400"),
    ],
)
def test_g12_times_are_read_from_words(said: str, seconds: str | None) -> None:
    assert retry_after_in(said) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "1.2"}, "2"),
        ({"retry-after": "0"}, "1"),
        ({"retry-after-ms": "1500"}, "2"),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, "Wed, 21 Oct 2026 07:28:00 GMT"),
        ({"retry-after-ms": "soon"}, None),
        ({"retry-after": "sk-up-0123456789"}, None),
        ({"retry-after": "sk-up-0123456789", "retry-after-ms": "1500"}, "2"),
        ({}, None),
    ],
)
def test_g12_times_are_read_from_headers(headers: dict[str, str], seconds: str | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    "body", [b"", b"slow down", b'{"error":{"message":"Too many requests"}}', b'{"error":{"code":"own"}}']
)
def test_g11_every_rate_limit_has_a_time(body: bytes) -> None:
    assert read_error(429, body).retry_after == "5"
    assert read_error(429, body, retry_after="7").retry_after == "7"


def test_g11_a_quota_that_is_used_up_has_none() -> None:
    assert read_error(429, b'{"error":{"code":"insufficient_quota","message":"m"}}').retry_after is None


def test_g11_a_limit_within_a_stream_tells_the_time_in_words() -> None:
    error = UpstreamError("Limited.", status=429, code="rate_limit_exceeded", retry_after="7")
    assert Stream({}).fail(error).response["error"]["message"] == "Limited. Please try again in 7s."
