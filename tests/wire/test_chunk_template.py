"""Chunks that travel as one run say the same as one by one, and give the same bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.strategies import PlainStream, chat_streams, chunkings, plain_chat_streams
from tests.support.translation import SIMPLE, Json, Run, counted_ids, run, run_bytes, sse_bytes, translate
from translators.answering.stream import ResponseStream
from translators.dialects import PRESETS
from translators.errors import UpstreamProtocolError
from translators.schema.chat import ChatChunk
from translators.schema.events import DeltaRun, FunctionCallArgumentsDelta, OutputTextDelta, ReasoningTextDelta
from translators.wire.chunk_template import Chunk, ChunkRun, one_by_one
from translators.wire.chunks import ChunkDecoder, parse_chunk
from translators.wire.splice import FrameSink, Splice
from translators.wire.sse import SSEEncoder, encode

REQUESTS = st.sampled_from(
    [SIMPLE, {**SIMPLE, "reasoning": {"summary": "auto"}}, {**SIMPLE, "include": ["message.output_text.logprobs"]}]
)
DIALECTS = st.sampled_from(sorted(PRESETS))
TOOLS: Json = {**SIMPLE, "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}]}
TEXTS = st.lists(st.text(), min_size=2)


@given(chat_streams(), REQUESTS)
def test_any_stream_reads_the_same_with_runs(chunks: list[Json], request: Json) -> None:
    assert run_bytes([sse_bytes(chunks)], request).events == run(chunks, request).events


@given(plain_chat_streams(), REQUESTS, DIALECTS)
def test_an_ordinary_stream_reads_the_same_with_runs(answer: PlainStream, request: Json, dialect: str) -> None:
    assert run_bytes([sse_bytes(answer.chunks)], request, dialect).events == run(answer.chunks, request, dialect).events


MARKS = ["<think>", "</think>", "<tool_call>", "</tool_call>", '{"name": "f", "arguments": {}}', "```", "\n", " ", "<"]


@given(st.lists(st.sampled_from([*MARKS, "so", " then"]), min_size=1), DIALECTS)
@example(["<think>so</think>", "so", " then", " then"], "generic")
def test_marks_in_a_text_read_the_same_with_runs(pieces: list[str], dialect: str) -> None:
    """What the filters of an answer look for begins, ends and stays unfinished inside of runs."""
    chunks = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    assert run_bytes([sse_bytes(chunks)], TOOLS, dialect).events == run(chunks, TOOLS, dialect).events


# --- chunks --------------------------------------------------------------------------------------


def content(text: Any) -> Json:
    return {"content": text}


def reasoning(text: Any) -> Json:
    return {"content": None, "reasoning_content": text}


def arguments(text: Any) -> Json:
    return {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}


BEGUN_CALL: Json = {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f"}}]}
FIELDS = {"content": content, "reasoning_content": reasoning, "arguments": arguments}


def payload(delta: Json, *, ascii_only: bool = False, **rest: Any) -> bytes:
    chunk = {"id": "c", "created": 1, "choices": [{"index": 0, "delta": delta, "finish_reason": None}], **rest}
    return json.dumps(chunk, ensure_ascii=ascii_only).encode(errors="surrogatepass")


def fed(payloads: Iterable[bytes]) -> list[Chunk]:
    return ChunkDecoder().feed(b"".join(b"data: %b\n\n" % each for each in payloads))


@pytest.mark.parametrize("field", FIELDS)
def test_chunks_that_differ_in_one_text_come_as_a_run(field: str) -> None:
    runs = fed(payload(FIELDS[field](f"word {number}")) for number in range(5))
    assert [run.texts for run in runs if isinstance(run, ChunkRun)] == [
        ["word 0"],
        [f"word {number}" for number in range(1, 5)],
    ]
    assert [run.field for run in runs if isinstance(run, ChunkRun)] == [field] * 2


def test_what_the_first_says_besides_is_said_once() -> None:
    first, rest = fed(payload(content(f"word {number}"), service_tier="flex") for number in range(5))
    assert isinstance(first, ChatChunk)
    assert first.service_tier == "flex"
    assert isinstance(rest, ChunkRun)


def said(chunks: Iterable[Chunk]) -> list[tuple[object, object]]:
    """What of these chunks matters where a run keeps nothing but texts: every text and every error."""
    found = []
    for chunk in one_by_one(chunks):
        texts = [choice.delta.content for choice in chunk.choices or () if choice.delta is not None]
        found.append((texts[0] if texts else None, chunk.error))
    return [each for each in found if any(each)]


@given(TEXTS, st.booleans())
@example(['"', "\\", '\\"', '","', "\n\n", "data: ", ""], False)
def test_a_run_has_the_texts_of_its_chunks(texts: list[str], ascii_only: bool) -> None:
    chunks = fed(payload(content(text), ascii_only=ascii_only) for text in texts)
    assert said(chunks) == [(text, None) for text in texts if text]


LITERALS = st.one_of(
    st.text().map(lambda text: json.dumps(text).encode()),
    st.sampled_from(
        [b'"z\\"', b',"w"', b'"x","y"', b'""', b'"', b"", b"null", b'"a" ', b'{"a":"b"}', b'"\\ud83d!"', b'"\xff"']
    ),
    st.binary().filter(lambda data: b"\n" not in data and b"\r" not in data),
)


@given(st.lists(LITERALS, min_size=1))
@example([b'"x","y"', b'"z\\"', b',"w"'])
@example([b'"z\\"', b'"w"', b'"x","y"'])
@example([b'"a","b', b'c"'])
@example([b'"'])
@example([b'"a",', b',"b"', b'"c"'])
@example([b'"a\\"', b'","b"'])
def test_whatever_stands_in_the_place_of_the_text_is_read_as_if_it_stood_alone(literals: list[bytes]) -> None:
    """Between the same bytes there may be no string at all, or what looks like two."""
    before, behind = payload(content("?")).split(b'"?"')
    payloads = [payload(content("first")), *(before + literal + behind for literal in literals)]
    assert said(fed(payloads)) == said(one_at_a_time(payloads))


def one_at_a_time(payloads: Iterable[bytes]) -> Iterable[ChatChunk]:
    for each in payloads:
        try:
            yield parse_chunk(each)
        except UpstreamProtocolError as error:
            yield ChatChunk(error={"message": error.message})
            return


@pytest.mark.parametrize(
    "more",
    [
        {"usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}},
        {"error": {"message": "no"}},
        {"citations": ["https://example.com"]},
        {"choices": [{"delta": content("word"), "finish_reason": "stop"}]},
        {"choices": [{"delta": {**content("word"), "refusal": "no"}}]},
        {"choices": [{"delta": {**content("word"), **arguments("{}")}}]},
        {"choices": [{"delta": {**content("word"), "reasoning": "so"}}]},
        {"choices": [{"delta": content("word"), "logprobs": {"content": [{"token": "word", "logprob": -1}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"function": {"name": "f", "arguments": "word"}}]}}]},
    ],
)
def test_a_chunk_that_says_more_than_a_text_is_no_pattern(more: Json) -> None:
    assert all(isinstance(chunk, ChatChunk) for chunk in fed([payload(content("word"), **more)] * 3))


def test_a_text_that_stands_twice_is_found_in_its_place() -> None:
    twice = {"content": "decoy", "choices": [{"index": 0, "delta": content("word"), "finish_reason": None}]}
    first, second = fed([json.dumps(twice).encode(), json.dumps(twice).replace("word", "other").encode()])
    assert isinstance(first, ChunkRun)
    assert isinstance(second, ChunkRun)
    assert first.texts + second.texts == ["word", "other"]


@given(st.lists(LITERALS, min_size=1), st.data())
@example([b'"a","b', b'c"'], None)
@example([b'"a\\"', b'","b"'], None)
def test_nor_does_it_matter_which_of_them_come_together(literals: list[bytes], data: st.DataObject | None) -> None:
    before, behind = payload(content("?")).split(b'"?"')
    payloads = [payload(content("first")), *(before + literal + behind for literal in literals)]
    stream = b"".join(b"data: %b\n\n" % each for each in payloads)
    first = len(payloads[0]) + len(b"data: \n\n")
    pieces = [stream[:first], stream[first:]] if data is None else data.draw(pieces_of(stream))
    decoder = ChunkDecoder()
    assert said(until_an_error(chunk for piece in pieces for chunk in decoder.feed(piece))) == said(
        one_at_a_time(payloads)
    )


def until_an_error(chunks: Iterable[Chunk]) -> Iterable[Chunk]:
    for chunk in chunks:
        yield chunk
        if isinstance(chunk, ChatChunk) and chunk.error is not None:
            return


def test_an_event_of_several_lines_is_no_pattern_for_bytes_that_are_none() -> None:
    """Joined, its lines look like what no server-sent event can be."""
    start, end = payload(content("?")).split(b'"choices"')
    several = b'data: %b\ndata: "choices"%b\n\n' % (start, end)
    broken = several.replace(b"\ndata: ", b"\n")
    decoder = ChunkDecoder()
    assert said(decoder.feed(several)) == [("?", None)]
    assert said(decoder.feed(several)) == [("?", None)]
    [(text, error)] = said(decoder.feed(broken))
    assert text is None
    assert error is not None


def test_a_whole_event_behind_the_beginning_of_another_line_is_a_part_of_that() -> None:
    decoder, event = ChunkDecoder(), b"data: %b\n\n" % payload(content("word"))
    decoder.feed(event)
    assert said(decoder.feed(event)) == [("word", None)]
    assert decoder.feed(b": a comment, ") == []
    assert decoder.feed(event) == []
    assert said(decoder.feed(event)) == [("word", None)]


@pytest.mark.parametrize("dialect", sorted(PRESETS))
@pytest.mark.parametrize(
    "deltas",
    [
        # What is held back says nothing yet, and so leaves the last that was said as it was.
        [*map(reasoning, "abc"), *map(content, ["<tool_call>", "{", '"name"', ': "f"}'])],
        [*map(reasoning, "abc"), *map(content, ["<", "th", "ink>", "so", "</think>", "and"])],
        [*map(content, "abc"), BEGUN_CALL, *map(content, "de"), arguments("{}")],
    ],
)
def test_a_run_does_not_go_on_in_what_it_is_no_part_of(deltas: list[Json], dialect: str) -> None:
    chunks: list[Json] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    pieces = [sse_bytes([chunk], done=False) for chunk in chunks]
    once, again = Run(TOOLS, dialect).feed(*chunks).finish(), run_bytes([*pieces, b"data: [DONE]\n\n"], TOOLS, dialect)
    assert again.events == once.events


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("count", [256, 257, 258, 513, 2000])
def test_more_than_are_looked_at_together(field: str, count: int) -> None:
    texts = [f"{number} " if number % 300 else "" for number in range(count)]
    frames = b"".join(b"data: %b\n\n" % payload(FIELDS[field](text)) for text in ["first", *texts])
    half = frames.index(b"\n\n", len(frames) // 2) + 2
    for pieces in ([frames], [frames[:half], frames[half:]]):
        decoder = ChunkDecoder()
        chunks = [chunk for piece in pieces for chunk in decoder.feed(piece)]
        assert "".join(map(text_in, one_by_one(chunks))) == "first" + "".join(texts)


def text_in(chunk: ChatChunk) -> str:
    assert chunk.choices is not None
    delta = chunk.choices[0].delta
    assert delta is not None
    spoken = [delta.content, delta.reasoning_content, delta.reasoning]
    spoken += [call.function.arguments for call in delta.tool_calls or () if call.function is not None]
    return "".join(str(text) for text in spoken if text)


# --- pieces --------------------------------------------------------------------------------------

SPOKEN = st.sampled_from([*MARKS, "so", " then", "", "\\", '"', '","', "\u2028", "\U0001f600"])


@st.composite
def spoken_streams(draw: st.DrawFn) -> list[Json]:
    """Stretches of words, thoughts and arguments in turn, long enough to come as runs."""
    fields: dict[str, Any] = {
        "content": lambda text: {"content": text},
        "reasoning": lambda text: {"reasoning": text},
        "reasoning_content": lambda text: {"reasoning_content": text},
        "both": lambda text: {"content": text, "reasoning_content": text},
        "call 0": lambda text: {"tool_calls": [{"index": 0, "function": {"arguments": text}}]},
        "call 1": lambda text: {"tool_calls": [{"index": 1, "function": {"arguments": text}}]},
    }
    begins = [{"tool_calls": [{"index": number, "id": f"c{number}", "function": {"name": "f"}}]} for number in (0, 1)]
    deltas: list[Json] = []
    for field in draw(st.lists(st.sampled_from(sorted(fields)), max_size=6)):
        if field.startswith("call") and begins:
            deltas.append(begins.pop(0))
        deltas += [fields[field](text) for text in draw(st.lists(SPOKEN, max_size=5))]
    chunks: list[Json] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    finish = draw(st.sampled_from(["stop", "length"]))
    return [*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}]


@st.composite
def whole_events(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    """Pieces as servers write them: some events at a time."""
    ends = [match.end() for match in re.finditer(rb"\r?\n\r?\n", stream) if draw(st.booleans())]
    return [stream[start:end] for start, end in zip([0, *ends], [*ends, len(stream)], strict=True)]


def pieces_of(stream: bytes) -> st.SearchStrategy[list[bytes]]:
    return st.one_of(chunkings(stream), whole_events(stream))


@given(spoken_streams(), st.sampled_from([SIMPLE, TOOLS]), DIALECTS, st.sampled_from(["\n", "\r\n"]), st.data())
def test_however_an_answer_is_cut_it_says_the_same(
    chunks: list[Json], request: Json, dialect: str, newline: str, data: st.DataObject
) -> None:
    stream = sse_bytes(chunks, newline=newline)
    pieces = data.draw(pieces_of(stream))
    assert run_bytes(pieces, request, dialect).events == run(chunks, request, dialect).events


@given(spoken_streams(), DIALECTS, st.data())
def test_keep_alive_changes_nothing_but_the_numbers(chunks: list[Json], dialect: str, data: st.DataObject) -> None:
    pieces = data.draw(pieces_of(sse_bytes(chunks)))
    plain = run_bytes(pieces, TOOLS, dialect).events
    kept_alive, decoder = Run(TOOLS, dialect), ChunkDecoder()
    for piece in pieces:
        kept_alive.take_together(decoder.feed(piece))
        if data.draw(st.booleans()):
            kept_alive.keep_alive()
    kept_alive.take(decoder.close())
    events = kept_alive.finish(said_done=decoder.said_done).events
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert without_beats(events) == without_beats(plain)


def without_beats(events: list[Json]) -> list[Json]:
    return [{**event, "sequence_number": 0} for event in events if event["type"] != "response.in_progress"]


# --- straight ------------------------------------------------------------------------------------


def answered(
    pieces: list[bytes], beats: list[bool], request: Json, dialect: str, *, straight: bool
) -> tuple[bytes, object, int]:
    """All frames, with keep-alive behind some pieces; the response; and how many pieces went straight."""
    stream = ResponseStream(translate(request, dialect), new_id=counted_ids(), created_at=1)
    decoder, encoder = ChunkDecoder(), SSEEncoder()
    frames = [encoder.encode(stream.start())]
    went = []

    def go_straight(made: bytes) -> bool:
        went.append(made)
        frames.append(made)
        return True

    def go_the_long_way(piece: bytes) -> bool:
        frames.append(encoder.encode(stream.feed(*decoder.feed(piece))))
        return True

    sink = FrameSink(encoder, go_straight, go_the_long_way)
    take = Splice(decoder, stream, sink, go_the_long_way).take if straight else go_the_long_way
    for piece, beat in zip(pieces, beats, strict=True):
        assert take(piece)
        if beat:
            frames.append(encoder.encode(stream.keep_alive()))
    frames.append(encoder.encode(stream.feed(*decoder.close())))
    frames.append(encoder.encode(stream.finish(said_done=decoder.said_done, completed_at=2)))
    return b"".join(frames), stream.response, len(went)


@given(spoken_streams(), st.sampled_from([SIMPLE, TOOLS]), DIALECTS, st.data())
def test_what_goes_straight_is_the_same_bytes(
    chunks: list[Json], request: Json, dialect: str, data: st.DataObject
) -> None:
    pieces = data.draw(pieces_of(sse_bytes(chunks)))
    beats = data.draw(st.lists(st.booleans(), min_size=len(pieces), max_size=len(pieces)))
    long_way = answered(pieces, beats, request, dialect, straight=False)
    assert answered(pieces, beats, request, dialect, straight=True)[:2] == long_way[:2]


@given(st.lists(st.binary()), st.data())
def test_any_bytes_go_the_way_that_they_can(pieces: list[bytes], data: st.DataObject) -> None:
    words = [payload({"content": text}) for text in ("so", " then", " and")]
    pieces = data.draw(st.permutations([*pieces, *(b"data: %b\n\n" % word for word in words)]))
    beats = [False] * len(pieces)
    long_way = answered(pieces, beats, SIMPLE, "openai", straight=False)
    assert answered(pieces, beats, SIMPLE, "openai", straight=True)[:2] == long_way[:2]


@pytest.mark.parametrize("field", ["content", "reasoning_content"])
def test_words_go_straight_from_the_second_on(field: str) -> None:
    chunks: list[Json] = [{"choices": [{"index": 0, "delta": {field: f" {number}"}}]} for number in range(9)]
    pieces = [sse_bytes([chunk], done=False) for chunk in chunks]
    assert answered(pieces, [False] * 9, SIMPLE, "openai", straight=True)[2] == 8
    assert answered(pieces, [False] * 5 + [True] + [False] * 3, SIMPLE, "openai", straight=True)[2] == 7


# --- events --------------------------------------------------------------------------------------

MODELS = st.sampled_from(
    [
        OutputTextDelta(0, "msg_%d", 0, 0, "", []),
        ReasoningTextDelta(0, 'rs_"delta":""', 3, 0, ""),
        FunctionCallArgumentsDelta(0, "fc_1", 12, ""),
    ]
)
RUNS = st.builds(DeltaRun, st.integers(0, 10**6), MODELS, st.lists(st.text(), min_size=1))


@given(st.lists(RUNS))
def test_the_frames_of_a_run_are_those_of_its_events(runs: list[DeltaRun]) -> None:
    frames = SSEEncoder().frames(runs)
    assert frames == [encode(event) for each in runs for event in each.singles()]
