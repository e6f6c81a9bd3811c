"""What an upstream may send: linear in time and memory; over a limit a failure that names it, never a cut answer."""

from __future__ import annotations

import asyncio
import itertools
import tracemalloc
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config import Config, ModelSettings, StoreSettings, UpstreamSettings
from tests.strategies import chunkings
from tests.support.chat_backend import EVENT_STREAM, Answer, ChatBackend, json_answer, sse_answer
from tests.support.checks import check_events, check_frames
from tests.support.live import LiveProxy
from tests.support.translation import SIMPLE, Json, Run, sse_bytes
from translators.errors import UpstreamProtocolError
from translators.limits import MAX_MENDED_BYTES, AnswerLimits
from translators.surrogates import mended
from translators.wire import payload as module
from translators.wire.chunks import ChunkDecoder, parse_chunk
from translators.wire.sse import SSEDecoder

MIB = 1 << 20
LIMIT = 1000


def content(text: str, **fields: Any) -> Json:
    return {"choices": [{"index": 0, "delta": {"content": text}, **fields}]}


STOP = content("", finish_reason="stop")


def run_limited(pieces: Iterable[bytes], limits: AnswerLimits) -> tuple[Json, ChunkDecoder]:
    run, decoder = Run(SIMPLE), ChunkDecoder(limits)
    for piece in pieces:
        run.take(decoder.feed(piece))
    run.take(decoder.close())
    return run.finish(said_done=decoder.said_done).response, decoder


# --- the limits ----------------------------------------------------------------------------------

LONG_EVENTS = {
    "a line": b"data: " + b"x" * LIMIT,
    "lines": b"data: x\n" * (LIMIT // 7 + 1),
    "lines that end with CR": b"data: x\r" * (LIMIT // 7 + 1),
    "a comment": b":" * (LIMIT + 1),
    "empty data": b"data:\n" * (LIMIT // 5 + 1),
}


@pytest.mark.parametrize("name", LONG_EVENTS)
@pytest.mark.parametrize("size", [1, 7, 600])
def test_an_event_that_does_not_end_is_a_failure_and_nothing_of_it_is_kept(name: str, size: int) -> None:
    start = sse_bytes([content("said")], done=False)
    data = LONG_EVENTS[name]
    pieces = [start, *(data[at : at + size] for at in range(0, len(data), size))]
    response, _ = run_limited(pieces, AnswerLimits(event=LIMIT))
    assert response["status"] == "failed"
    assert response["error"]["code"] == "answer_too_large"
    assert f"{LIMIT} bytes (max_event_bytes)" in response["error"]["message"]
    decoder = SSEDecoder(LIMIT)
    with pytest.raises(UpstreamProtocolError):
        decoder.feed(data + b"x")
    assert decoder.is_between


@pytest.mark.parametrize("size", [1, 50, 10_000])
def test_an_answer_without_end_is_a_failure(size: int) -> None:
    data = sse_bytes([content(f"word{number} ") for number in range(100)], done=False)
    response, decoder = run_limited(
        [data[at : at + size] for at in range(0, len(data), size)], AnswerLimits(answer=LIMIT)
    )
    assert response["status"] == "failed"
    assert response["error"]["code"] == "answer_too_large"
    assert f"{LIMIT} bytes (max_answer_bytes)" in response["error"]["message"]
    assert decoder.left < 0


def test_an_answer_that_is_just_as_long_as_it_may_be() -> None:
    data = sse_bytes([content("word"), STOP])
    assert run_limited([data], AnswerLimits(len(data), len(data)))[0]["status"] == "completed"
    assert run_limited([data], AnswerLimits(len(data), len(data) - 1))[0]["status"] == "failed"


LINES = st.lists(
    st.sampled_from([b"data: {}", b"data:", b"", b"", b": c", b"event: x", b"data: \xe2\x80\xa8", b"data", b"x"])
)


@given(LINES, st.sampled_from([b"\n", b"\r", b"\r\n"]), st.data())
def test_the_pieces_of_events_do_not_change_them(lines: list[bytes], newline: bytes, data: st.DataObject) -> None:
    stream = b"".join(line + newline for line in lines)
    pieces = data.draw(chunkings(stream))
    one, other = SSEDecoder(), SSEDecoder()
    assert [*one.feed(stream), *one.close()] == [*itertools.chain(*map(other.feed, pieces)), *other.close()]
    expected, event = [], []
    for line in [*lines, b""]:
        if line.startswith(b"data:"):
            event.append(line[5:].removeprefix(b" "))
        elif not line and event:
            expected.append(b"\n".join(event))
            event = []
    again = SSEDecoder()
    assert [*again.feed(stream), *again.close()] == expected


# --- memory, in bytes for each byte that came ---------------------------------------------------------


def memory_of(pieces: list[bytes]) -> float:
    """The most that was held at once, for each byte of the answer; its events go at once, as a client takes them."""
    run = Run(SIMPLE)
    decoder, stream = ChunkDecoder(), run.stream
    tracemalloc.start()
    for piece in pieces:
        stream.feed(*decoder.feed(piece))
    stream.feed(*decoder.close())
    stream.finish(said_done=True, completed_at=2)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert stream.response.status in ("completed", "incomplete", "failed")
    return most / sum(map(len, pieces))


TEXTS = {"plain": "a", "escapes": "\n", "quotes": '"', "backslashes": "\\", "wide": "\U0001f600"}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("field", ["content", "reasoning_content", "arguments"])
def test_a_delta_of_a_megabyte_takes_a_few_times_its_bytes(name: str, field: str) -> None:
    def delta(text: str) -> Json:
        if field == "arguments":
            return {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}
        return {field: text}

    begin = {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"a":"'}}]}
    deltas = [begin if field == "arguments" else delta("x"), delta("y"), delta(TEXTS[name] * MIB), delta("z")]
    data = sse_bytes([{"choices": [{"index": 0, "delta": each}]} for each in deltas] + [STOP])
    assert memory_of([data[at : at + 65536] for at in range(0, len(data), 65536)]) < 12


@pytest.mark.parametrize(
    "junk",
    [b"\\\\" * MIB, b"\\ud800" * (MIB // 6), b"[" * MIB, b"\xff" * MIB, b'"' * MIB, b"\r" * MIB, b"data:\n" * MIB],
)
def test_a_megabyte_of_anything_takes_a_few_times_its_bytes(junk: bytes) -> None:
    data = b'data: {"choices":[{"delta":{"content":"' + junk + b'"}}]}\n\n'
    assert memory_of([data[at : at + 65536] for at in range(0, len(data), 65536)]) < 20


def test_an_event_in_pieces_is_put_together_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In steps: what is joined for one event is no more than the event, twice."""
    decoder, joined = SSEDecoder(), 0
    join = SSEDecoder._join

    def counted(self: SSEDecoder, data: bytes) -> bytes:
        nonlocal joined
        line = join(self, data)
        joined += len(line)
        return line

    monkeypatch.setattr(SSEDecoder, "_join", counted)
    event = b"data: " + b"x" * MIB + b"\n\n"
    found = [payload for at in range(0, len(event), 1000) for payload in decoder.feed(event[at : at + 1000])]
    assert found == [b"x" * MIB]
    assert joined <= 2 * len(event)


def test_half_surrogate_pairs_are_found_between_other_escapes() -> None:
    said = rb'"\\\ud83d\\ud83d \ud83d\ude00 \ude00\u00e9\n\"\\"'
    chunk = parse_chunk(b'{"choices":[{"index":0,"delta":{"content":' + said + b"}}]}")
    assert chunk.choices is not None
    assert chunk.choices[0].delta is not None
    assert chunk.choices[0].delta.content == '\\\ufffd\\ud83d \U0001f600 \ufffd\u00e9\n"\\'


# --- over the network ---------------------------------------------------------------------------------


def small(base_url: str, **settings: Any) -> Config:
    limits = {"max_event_bytes": MIB, "max_answer_bytes": 2 * MIB, **settings}
    return Config(
        upstreams={"up": UpstreamSettings(base_url=base_url, dialect="generic", **limits)},
        models={"*": ModelSettings(upstream="up")},
        store=StoreSettings(kind="memory"),
    )


@pytest.mark.parametrize("transport", ["native", "httpx"])
@pytest.mark.parametrize(
    ("start", "piece", "limit"),
    [
        (b"data: ", b"x" * 10_000, "max_event_bytes"),
        (b"", sse_bytes([content("word " * 200)], done=False), "max_answer_bytes"),
        (b"", b": nothing but comments\n\n" * 1000, "max_answer_bytes"),
    ],
    ids=["event", "answer", "comments"],
)
async def test_a_stream_over_a_limit_fails_and_the_upstream_is_let_go(
    transport: str, start: bytes, piece: bytes, limit: str
) -> None:
    async with ChatBackend(strict=False) as backend, LiveProxy(small(backend.base_url, transport=transport)) as proxy:
        writes = (
            [start, *itertools.repeat(piece, 4 * MIB // len(piece))] if start else [piece] * (4 * MIB // len(piece))
        )
        backend.always(Answer(content_type=EVENT_STREAM, framing="chunked", writes=writes))
        answer = await proxy.http.post("/responses", json={"model": "m", "input": "hi", "stream": True})
        response = check_events(check_frames(answer.content))
        assert response["status"] == "failed"
        assert response["error"]["code"] == "answer_too_large"
        assert limit in response["error"]["message"]


@pytest.mark.parametrize("transport", ["native", "httpx"])
async def test_a_whole_answer_over_the_limit_is_a_502(transport: str) -> None:
    async with ChatBackend(strict=False) as backend, LiveProxy(small(backend.base_url, transport=transport)) as proxy:
        backend.always(json_answer({"choices": [{"message": {"content": "x" * 3 * MIB}}]}))
        answer = await proxy.http.post("/responses", json={"model": "m", "input": "hi"})
        assert answer.status_code == 502
        assert answer.json()["error"]["code"] == "answer_too_large"
        assert "max_answer_bytes" in answer.json()["error"]["message"]


@pytest.mark.parametrize("transport", ["native", "httpx"])
@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_only_drips_ends(transport: str, stream: bool) -> None:
    """Its silences are short; all of it together is too long."""
    config = small("", transport=transport, answer_timeout=0.05)
    async with ChatBackend(strict=False) as backend:
        upstream = msgspec.structs.replace(config.upstreams["up"], base_url=backend.base_url)
        async with LiveProxy(msgspec.structs.replace(config, upstreams={"up": upstream})) as proxy:
            backend.always(sse_answer([content("drip"), asyncio.Event()]))
            answer = await proxy.http.post("/responses", json={"model": "m", "input": "hi", "stream": stream})
    if stream:
        response = check_events(check_frames(answer.content))
        assert response["status"] == "failed"
        message = response["error"]["message"]
    else:
        assert answer.status_code == 504
        assert answer.json()["error"]["code"] == "upstream_timeout"
        message = answer.json()["error"]["message"]
    assert "(answer_timeout)" in message


def text_of(payload: bytes) -> Any:
    [choice] = parse_chunk(payload).choices or []
    assert choice.delta is not None
    return choice.delta.content


def test_what_is_no_json_is_mended_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for halves of letters in an event of 20 MB would hold up every stream for seconds."""
    looked_at: list[int] = []

    def noting(payload: bytes) -> bytes:
        looked_at.append(len(payload))
        return mended(payload)

    monkeypatch.setattr(module, "mended", noting)
    half = rb'{"choices":[{"delta":{"content":"\ud83d%b"},"index":0}]}'
    assert text_of(half % b"") == "\ufffd"
    assert len(looked_at) == 1
    for start in (b"", b'{"choices":{},'):  # the second is of the wrong type before it is no JSON
        with pytest.raises(UpstreamProtocolError, match="that can be mended") as caught:
            parse_chunk(start + rb'"\ud83d\ude00' * (MAX_MENDED_BYTES // 8))
        assert caught.value.code == "answer_too_large"
    assert len(looked_at) == 1
    text = "x" * MAX_MENDED_BYTES
    odd = b'{"choices":{"delta":{"content":"%b"},"index":0}}' % text.encode()
    assert text_of(odd) == text, "what is JSON is read, however long it is"
