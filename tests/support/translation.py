"""The core driven from a test: a request dict to a `Translation`, Chat chunks to checked events."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.support.checks import Emitted, check_events, check_frames
from translators.answering.response import open_response
from translators.answering.stream import ResponseStream
from translators.asking.parse import parse_request
from translators.asking.translate import Settings, Translation, to_chat
from translators.dialects import PRESETS
from translators.errors import BridgeError
from translators.report import OnUnsupported
from translators.schema.events import AnyEvent, one_by_one
from translators.wire.chunk_template import Chunk
from translators.wire.chunks import ChunkDecoder, parse_chunk
from translators.wire.sse import DONE, DONE_FRAME
from translators.wire.sse import encode as encode_frame

Json = dict[str, Any]

SIMPLE: Json = {"model": "m", "input": "hi"}


def encode(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def ways_to_write(request: object) -> list[bytes]:
    """The same JSON as programs and people write it."""
    plain = encode(request)
    pretty = json.dumps(request, ensure_ascii=False, indent=2).encode()
    tabs = json.dumps(request, indent="\t", separators=(" ,", " : ")).encode()
    return [plain, msgspec.json.format(plain, indent=-1), pretty, tabs.replace(b"\n", b"\r\n"), b"\n" + pretty + b"\n"]


def translate(request: object, dialect: str = "generic", on_unsupported: OnUnsupported = "report") -> Translation:
    """Written over several lines, it has to come to the same, and its echo to be one line (S17)."""
    plain, pretty = (
        to_chat(parse_request(body), PRESETS[dialect], Settings(model="upstream-model", on_unsupported=on_unsupported))
        for body in (encode(request), json.dumps(request, ensure_ascii=False, indent=2).encode())
    )
    assert msgspec.json.decode(pretty.body()) == msgspec.json.decode(plain.body())
    assert pretty.adaptations == plain.adaptations
    one, other = (msgspec.json.encode(open_response(each, response_id="r", created_at=1)) for each in (plain, pretty))
    assert msgspec.json.decode(one) == msgspec.json.decode(other)
    assert b"\n" not in one + other, "S17"
    return plain


def chat_body(request: object, dialect: str = "generic") -> Json:
    body: Json = msgspec.json.decode(translate(request, dialect).body())
    return body


def counted_ids() -> Callable[[str], str]:
    numbers = itertools.count(1)
    return lambda prefix: f"{prefix}_{next(numbers)}"


@dataclass(frozen=True)
class Result:
    """A finished stream: its events as the client decodes them, all invariants checked, and the last response."""

    events: list[Json]
    response: Json


class Run:
    """One `ResponseStream` whose events are checked; `request` decides about tools and options."""

    def __init__(self, request: object = SIMPLE, dialect: str = "generic") -> None:
        self._begin(translate(request, dialect))

    @classmethod
    def of(cls, translation: Translation) -> Run:
        run = cls.__new__(cls)
        run._begin(translation)
        return run

    def _begin(self, translation: Translation) -> None:
        self.stream = ResponseStream(translation, new_id=counted_ids(), created_at=1)
        self.frames: list[bytes] = []
        self._emitted = Emitted()
        self._add(self.stream.start())

    def _add(self, events: Iterable[AnyEvent]) -> None:
        for event in one_by_one(events):
            self._emitted.add(event)
            self.frames.append(encode_frame(event))

    def feed(self, *chunks: object) -> Run:
        return self.take([parse_chunk(encode(chunk)) for chunk in chunks])

    def take(self, chunks: Iterable[Chunk]) -> Run:
        for chunk in chunks:
            self._add(self.stream.feed(chunk))
        return self

    def take_together(self, chunks: Iterable[Chunk]) -> None:
        """As they are taken where they arrived together."""
        self._add(self.stream.feed(*chunks))

    def keep_alive(self) -> None:
        self._add(self.stream.keep_alive())

    def flush(self) -> None:
        self._add(self.stream.flush())

    def judge(self, problems: Sequence[Sequence[str | None]]) -> None:
        self._add(self.stream.judge(problems, all_arrived=True))

    def fail(self, error: BridgeError) -> Result:
        self._add(self.stream.fail(error, completed_at=2))
        return self.result()

    def finish(self, *, said_done: bool = True) -> Result:
        self._add(self.stream.finish(said_done=said_done, completed_at=2))
        return self.result()

    def result(self) -> Result:
        events = self._emitted.check()
        assert check_frames(b"".join(self.frames) + DONE_FRAME) == events
        return Result(events, check_events(events))


def run(
    chunks: Iterable[object], request: object = SIMPLE, dialect: str = "generic", *, said_done: bool = True
) -> Result:
    return Run(request, dialect).feed(*chunks).finish(said_done=said_done)


def run_bytes(pieces: Sequence[bytes], request: object = SIMPLE, dialect: str = "generic") -> Result:
    """The same from the bytes of an SSE answer, in the pieces in which they arrive."""
    one = Run(request, dialect)
    decoder = ChunkDecoder()
    for piece in pieces:
        for chunks in decoded(decoder, piece):
            one.take(chunks)
    for chunks in decoded(decoder, b""):
        one.take(chunks)
    return one.finish(said_done=decoder.said_done)


def decoded(decoder: ChunkDecoder, data: bytes) -> Iterator[list[Chunk]]:
    """All chunks of what arrived, as they come; b"" is the end of the answer."""
    yield decoder.feed(data) if data else decoder.close()
    while decoder.has_more:
        yield decoder.more()


def sse_bytes(chunks: Iterable[object], *, newline: str = "\n", done: bool = True) -> bytes:
    frames = [b"data: " + encode(chunk) for chunk in chunks]
    if done:
        frames.append(b"data: " + DONE)
    end = (newline * 2).encode()
    return b"".join(frame + end for frame in frames)


def without_ids(response: Json) -> Json:
    """A response as its meaning, whatever the identifiers."""
    plain: Json = {**response, "id": "", "output": [{**item, "id": ""} for item in response["output"]]}
    return plain


def text_of(response: Json) -> str:
    return "".join(
        part["text"]
        for item in response["output"]
        if item["type"] == "message"
        for part in item["content"]
        if part["type"] == "output_text"
    )
