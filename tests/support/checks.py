"""The checks that every test of a stream uses: `check_events` (S1-S10, S13), `check_frames` (S14), `Emitted` (S10 on
live objects), `check_response` and `check_item` for what clients need, `accumulate` for the SDK's view (X3).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tests.support.grammar import Json
from tests.support.response_shape import check_item, check_response
from tests.support.sdk import accumulate
from tests.support.stream_check import StreamCheck
from translators.long_text import encode_json

__all__ = ["Emitted", "accumulate", "check_events", "check_frames", "check_item", "check_response"]


def check_events(events: Iterable[Json]) -> Json:
    """Assert S1-S10 and S13 on the decoded events of one whole response; give the terminal response."""
    check = StreamCheck()
    for event in events:
        check.read(event)
    check.holds("S1", check.terminal is not None, "the stream ends without a terminal event")
    assert check.terminal is not None
    return check.terminal


def check_frames(stream: bytes) -> list[Json]:
    """Assert S14 on the bytes of a whole SSE answer; give its events. Comment frames may stand between them."""
    assert b"\r" not in stream, "S14: a CR in the stream"
    assert stream.endswith(b"data: [DONE]\n\n"), f"S14: the last frame is {stream[-40:]!r}"
    *frames, rest = stream.removesuffix(b"data: [DONE]\n\n").split(b"\n\n")
    assert not rest, f"S14: no blank line after {rest!r}"
    events = []
    for frame in frames:
        lines = frame.split(b"\n")
        if all(line.startswith(b":") for line in lines):
            continue
        assert len(lines) == 2, f"S14: {frame!r} is not one event line and one data line"
        assert lines[0].startswith(b"event: "), f"S14: {frame!r} does not begin with its event line"
        assert lines[1].startswith(b"data: {"), f"S14: {frame!r} has no data line of a JSON object"
        event: Json = msgspec.json.decode(lines[1].removeprefix(b"data: "))
        name = lines[0].removeprefix(b"event: ").decode()
        assert event["type"] == name, f"S14: event line {name!r}, type {event['type']!r}"
        events.append(event)
    return events


class Emitted:
    """S10 on live objects: `add` keeps what an event looked like when it was emitted, `check` looks again."""

    def __init__(self) -> None:
        self._events: list[tuple[object, bytes]] = []

    def add(self, event: object) -> None:
        self._events.append((event, encode_json(event)))

    def check(self) -> list[Json]:
        """Assert that no event changed after it was added; give them decoded."""
        for position, (event, before) in enumerate(self._events):
            assert encode_json(event) == before, f"S10: event {position} changed after it was emitted"
        return [msgspec.json.decode(before) for _, before in self._events]
