"""An event of megabytes is read a little at a time, and says the same as if it were read at once."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import chat_streams, chunkings
from tests.support.translation import SIMPLE, Json, decoded, run_bytes, sse_bytes
from translators.errors import UpstreamProtocolError
from translators.limits import AnswerLimits
from translators.wire import chunks as chunks_module
from translators.wire import long_events, sse
from translators.wire.chunk_template import ChunkRun, one_by_one
from translators.wire.chunks import ChunkDecoder, parse_chunk
from translators.wire.long_events import PIECE_BYTES, read_long
from translators.wire.sse import LONG_BYTES, SSEDecoder

LETTERS = st.sampled_from(["a", " ", "é", "😀", "\\", '"', "\n", "/", "ud83d", "\u2028", "u"])
LONG_TEXTS = st.lists(LETTERS, min_size=20, max_size=300).map("".join)
ENDINGS = st.sampled_from(["\n", "\r\n", "\r"])
TURN_BYTES = 8 * PIECE_BYTES  # what one step may decode


@contextlib.contextmanager
def everything_long(piece_bytes: int = 32) -> Iterator[None]:
    """As if a few bytes were megabytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sse, "_LONG_LINE", 1)
        patch.setattr(sse, "LONG_BYTES", 48)
        patch.setattr(chunks_module, "LONG_BYTES", 48)
        patch.setattr(long_events, "PIECE_BYTES", piece_bytes)
        yield


@given(st.data(), chat_streams(), ENDINGS)
def test_x2_a_long_event_may_arrive_in_any_pieces(data: st.DataObject, chunks: list[Json], newline: str) -> None:
    whole = sse_bytes(chunks, newline=newline)
    expected = run_bytes([whole])
    with everything_long():
        at_once = run_bytes([whole])
        in_pieces = run_bytes(data.draw(chunkings(whole)))
    assert in_pieces.events == at_once.events
    assert in_pieces.response == expected.response


@given(st.data(), LONG_TEXTS, st.booleans(), ENDINGS)
def test_a_long_text_is_the_same_in_pieces(data: st.DataObject, text: str, ascii_only: bool, newline: str) -> None:
    delta = data.draw(st.sampled_from(["content", "reasoning_content", "tool_calls"]))
    calls = [{"index": 0, "id": "c", "function": {"arguments": text}}]
    chunk = {"id": "x", "choices": [{"delta": {delta: calls if delta == "tool_calls" else text}}]}
    payload = json.dumps(chunk, ensure_ascii=ascii_only).encode()
    event = b"data: " + payload + 2 * newline.encode()
    with everything_long():
        found = [
            chunk
            for decoder in [ChunkDecoder()]
            for piece in [*data.draw(chunkings(event)), b""]
            for chunks in decoded(decoder, piece)
            for chunk in chunks
        ]
    said = ""
    for single in one_by_one(found):
        assert single.choices is not None
        said_here = single.choices[0].delta
        assert said_here is not None
        if said_here.tool_calls:
            assert said_here.tool_calls[0].id == "c"
            function = said_here.tool_calls[0].function
            said += "" if function is None else function.arguments
        else:
            said += said_here.content or said_here.reasoning_content or ""
    assert said == text


@pytest.mark.parametrize(
    "payload",
    [
        b'{"choices":[{"delta":{"content":"%b"},"finish_reason":"stop"}]}' % (b"a" * 200),
        b'{"choices":[{"delta":{"content":"%b","role":"assistant"}}],"usage":{"prompt_tokens":1}}' % (b"a" * 200),
        b'{"choices":[{"delta":{"content":"a","images":[{"image_url":{"url":"%b"}}]}}]}' % (b"a" * 200),
        b'{"choices":[{"delta":{"content":"%b", "reasoning":"b"}}]}' % (b"a" * 200),
        b'{"choices":[{"delta":{"content":"%b","content":"b"}}]}' % (b"a" * 200),
        b'{"choices":[{"delta":{"content":"%b"}}], "unknown": 1}' % (b"a" * 200),
        b'{"choices":[{"delta":{"content":"%b"}}]}' % (b"\\\\" * 200),
        b'{"choices":[{"delta":{"content":"%b"}}]}' % (b"\\ud83d\\ude00" * 200),
    ],
)
def test_what_is_no_single_text_is_read_at_once(payload: bytes) -> None:
    expected = [parse_chunk(payload)]
    with everything_long():
        found = [*one_by_one(chunk for chunks in read_long(payload) for chunk in chunks)]
    if len(found) == 1:
        assert found == expected
    else:
        texts = [chunk.choices[0].delta.content for chunk in found]  # type: ignore[index, union-attr]
        assert "".join(map(str, texts)) == expected[0].choices[0].delta.content  # type: ignore[index, union-attr]


@pytest.mark.parametrize("text", [b"a" * 200 + b'"', b"\\", b'", "x": "', b"\\ud83d", b"\xff" * 200, b"\\x" * 200])
def test_what_is_no_json_fails_as_it_does_at_once(text: bytes) -> None:
    payload = b'{"choices":[{"delta":{"content":"%b' % text
    with everything_long(), pytest.raises(UpstreamProtocolError):
        list(read_long(payload))


def test_r10_a_step_takes_half_a_megabyte_however_long_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 MB in one event held all other streams up for half a second."""
    longest = 0
    real = long_events._TEXT

    class Noting:
        def decode(self, piece: bytes) -> str:
            nonlocal longest
            longest = max(longest, len(piece))
            return real.decode(piece)

    monkeypatch.setattr(long_events, "_TEXT", Noting())
    monkeypatch.setattr(long_events, "parse_chunk", lambda payload: parse_chunk(_short(payload)))
    text = "naïve \\ud83d\\ude00 \\n" * (4 * LONG_BYTES // 20)
    event = b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % text.encode()
    decoder = ChunkDecoder()
    steps = [chunks for at in range(0, len(event), 1 << 16) for chunks in decoded(decoder, event[at : at + (1 << 16)])]
    runs = [chunk for chunks in steps for chunk in chunks if isinstance(chunk, ChunkRun)]
    assert len(runs) > 5
    assert max(sum(map(len, run.texts)) for run in runs) <= TURN_BYTES
    assert max(len(piece) for run in runs for piece in run.texts) <= PIECE_BYTES
    assert longest <= PIECE_BYTES + 2


def _short(payload: bytes) -> bytes:
    assert len(payload) < LONG_BYTES
    return payload


def test_a_long_event_is_not_put_together() -> None:
    event = b"data: " + b"x" * (2 * LONG_BYTES)
    decoder = SSEDecoder()
    for at in range(0, len(event), 1 << 16):
        assert decoder.feed(event[at : at + (1 << 16)]) == []
    [payload] = decoder.feed(b"\n\n")
    assert isinstance(payload, sse.LongPayload)
    assert bytes(payload) == b"x" * (2 * LONG_BYTES)
    assert max(map(len, payload.pieces)) <= 6 << 16  # the first few, to see what the line is
    assert decoder.is_between


def test_a_long_event_that_is_cut_off_is_an_answer_that_broke_off() -> None:
    start = b'data: {"choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n'
    with everything_long():
        result = run_bytes([start, b'data: {"choices":[{"index":0,"delta":{"content":"%b' % (b"a" * 200)])
    assert result.response["status"] == "failed"
    assert "ended before it was finished" in result.response["error"]["message"]


def test_limits_hold_for_what_is_long() -> None:
    decoder = ChunkDecoder(AnswerLimits(event=100, answer=10_000))
    with everything_long():
        [error] = [
            chunk
            for piece in (b"data: " + b"x" * 50, b"x" * 60 + b"\n", b"data: x\n\n")
            for chunks in decoded(decoder, piece)
            for chunk in one_by_one(chunks)
        ][:1]
    assert "larger than the limit of 100 bytes" in str(error.error)


def test_the_request_does_not_matter() -> None:
    """What goes through filters, which look at a text piece by piece, comes to the same."""
    text = "<think>" + "so " * 50 + "</think>" + "then " * 50
    chunks: list[Json] = [{"choices": [{"index": 0, "delta": {"content": text}}]}]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    expected = run_bytes([sse_bytes(chunks)], SIMPLE, "lmstudio")
    with everything_long():
        assert run_bytes([sse_bytes(chunks)], SIMPLE, "lmstudio").response == expected.response
