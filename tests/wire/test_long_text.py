"""A text of megabytes stays in pieces up to the client, and is the same there as one that does not."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw, Struct

from tests.strategies import chat_streams
from tests.support.chat_backend import ChatBackend, json_answer
from tests.support.running import config_for, read_config, running
from tests.support.translation import SIMPLE, Json, run
from translators import long_text
from translators.long_text import (
    PIECE_CHARACTERS,
    LongJson,
    LongText,
    encode_json,
    encode_short,
    gathered,
    joined,
    json_pieces,
)
from translators.schema.events import Event, OutputTextDone
from translators.wire.sse import SSEEncoder, encode

REQUESTS = st.sampled_from(
    [
        SIMPLE,
        {**SIMPLE, "reasoning": {"summary": "auto"}, "include": ["reasoning.encrypted_content"]},
        {**SIMPLE, "tools": [{"type": "custom", "name": "f"}, {"type": "function", "name": "g"}]},
    ]
)
TEXTS = st.lists(st.text())


class Holder(Struct):
    before: Raw
    text: Any
    after: str = "é"


@pytest.fixture
def everything_long() -> Iterator[None]:
    """As if any text were of megabytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_text, "LONG_CHARACTERS", 1)
        patch.setattr(long_text, "PIECE_CHARACTERS", 3)
        yield


@given(chat_streams(), REQUESTS)
def test_any_stream_says_the_same_with_long_texts(chunks: list[Json], request: Json) -> None:
    expected = run(chunks, request)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_text, "LONG_CHARACTERS", 1)
        assert run(chunks, request).events == expected.events


@given(TEXTS)
def test_a_text_in_pieces_is_the_text(pieces: list[str]) -> None:
    whole = "".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_text, "PIECE_CHARACTERS", 3)
        text = LongText(pieces)
        assert max(map(len, text.pieces), default=0) <= 3
    assert str(text) == whole
    assert b"".join(text.json()) == msgspec.json.encode(whole)
    value = Holder(Raw(b"[1,\n2]"), [text, {"t": text}])
    expected = msgspec.json.encode(Holder(Raw(b"[1,\n2]"), [whole, {"t": whole}]))
    assert encode_json(value) == b"".join(json_pieces(value)) == b"".join(gathered(json_pieces(value), 5)) == expected
    with pytest.raises(LongJson):
        encode_short(value)
    assert encode_short(whole) == msgspec.json.encode(whole)


def test_what_looks_like_the_place_of_a_text_is_none() -> None:
    value = Holder(Raw(bytes(long_text._MARK)), LongText(["ab"]), "\0a long text\0")
    assert b"".join(json_pieces(value)) == msgspec.json.encode(Holder(value.before, "ab", value.after))


def test_what_has_no_json_still_has_none() -> None:
    for work in (encode_json, encode_short, lambda value: list(json_pieces(value))):
        with pytest.raises(TypeError):
            work(object())


def test_r10_the_json_of_a_long_text_is_made_once_and_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text of 20 MB stands in four events, and each time it was written it took a tenth of a second."""
    sizes: list[int] = []

    def noting(text: str) -> bytes:
        sizes.append(len(text))
        return msgspec.json.encode(text)

    monkeypatch.setattr(long_text, "_encode_text", noting)
    text = joined(["naïve "] * (1 << 18) + ["x" * (1 << 20)])
    assert isinstance(text, LongText)
    length = len(str(text))
    events: list[Event] = [OutputTextDone(number, "msg", 0, 0, text, []) for number in range(4)]
    frames = SSEEncoder().pieces(events)
    assert max(map(len, frames)) <= 2 * long_text.PIECE_CHARACTERS
    assert sum(sizes) == length
    assert max(sizes) <= long_text.PIECE_CHARACTERS
    assert b"".join(SSEEncoder().pieces(events)) == b"".join(map(encode, events))
    assert sum(sizes) == length


ANSWER = {"choices": [{"index": 0, "message": {"content": "Hello, naïve world."}, "finish_reason": "stop"}]}


@pytest.mark.usefixtures("everything_long")
async def test_every_way_to_a_client_takes_long_texts(tmp_path: Path) -> None:
    def text_of(response: Json) -> object:
        return response["output"][0]["content"][0]["text"]

    async with ChatBackend() as backend:
        backend.always(json_answer(ANSWER))
        async with (
            running(read_config(config_for(backend), tmp_path)) as url,
            httpx2.AsyncClient(base_url=url, timeout=60, verify=False) as http,
        ):
            plain = (await http.post("/v1/responses", json={"model": "m", "input": "x"})).json()
            stored = (await http.get(f"/v1/responses/{plain['id']}")).json()
            streamed = (await http.post("/v1/responses", json={"model": "m", "input": "x", "stream": True})).text
            again = {"model": "m", "input": "x", "previous_response_id": plain["id"]}
            assert (await http.post("/v1/responses", json=again)).status_code == 200
            run = {"model": "m", "input": "x", "stream": True, "background": True}
            background = (await http.post("/v1/responses", json=run)).text
            compacted = await http.post("/v1/responses/compact", json={"model": "m", "input": "x"})
    assert text_of(plain) == text_of(stored) == "Hello, naïve world."
    assert compacted.status_code == 200
    for stream in (streamed, background):
        last = next(line for line in stream.splitlines() if line.startswith('data: {"type":"response.completed"'))
        assert text_of(json.loads(last.removeprefix("data: "))["response"]) == "Hello, naïve world."
    [sent] = [request for request in backend.requests if len(request.json["messages"]) == 3]
    assert sent.json["messages"][1]["content"] == "Hello, naïve world."


@given(st.lists(st.tuples(st.sampled_from("aé\n😀"), st.integers(0, 3 * PIECE_CHARACTERS)), max_size=8))
def test_pieces_are_the_text_and_neither_long_nor_many(given_pieces: list[tuple[str, int]]) -> None:
    pieces = [letter * count for letter, count in given_pieces]
    text = LongText(pieces)
    assert str(text) == "".join(pieces)
    assert all(len(piece) <= PIECE_CHARACTERS for piece in text.pieces)
    assert len(text.pieces) <= len(pieces) + len(str(text)) // PIECE_CHARACTERS


def test_very_many_small_pieces_take_a_step_for_each_that_they_become() -> None:
    """80,000 deltas of five letters were a quarter of a second of the event loop."""
    steps = 0

    def count(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal steps
        steps += event == "line"
        return count

    pieces, before = ["hello"] * 80_000, sys.gettrace()
    sys.settrace(count)
    try:
        text = LongText(pieces)
    finally:
        sys.settrace(before)
    assert len(text.pieces) == 7
    assert steps < 200
