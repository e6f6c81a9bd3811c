"""Server-sent events: `SSEDecoder.feed(bytes)` gives the data of whole events, `SSEEncoder.frames` the reverse.

Lines end at CR, LF or CRLF and nowhere else: U+2028 and U+0085 are legal inside JSON strings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import msgspec

from translators.decode import on_one_line
from translators.schema.events import AnyEvent, DeltaRun, Event

DONE = b"[DONE]"
DONE_FRAME = b"data: [DONE]\n\n"

_LINE = re.compile(rb"\r\n|\n|\r")


class SSEDecoder:
    """Splits a byte stream, cut anywhere, into the `data` of its events; comments give nothing."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    @property
    def is_between(self) -> bool:
        """Whether nothing has come of an event that has not ended."""
        return not self._rest and not self._data

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads of the events that ended within `data`."""
        buffer = self._rest + data if self._rest else data
        if b"\r" in buffer:
            return self._feed_lines(buffer)
        end = buffer.rfind(b"\n\n") + 2
        if end < 2:
            self._rest = buffer
            return []
        self._rest = buffer[end:]
        if buffer.startswith(b"data: ") and not self._data:
            # What nearly every server sends is one line an event, and so falls apart in one step: it was that if no
            # line end is left inside.
            payloads = buffer[6 : end - 2].split(b"\n\ndata: ")
            if b"\n" not in b"".join(payloads):
                return payloads
        out: list[bytes] = []
        for line in buffer[: end - 1].split(b"\n"):
            self._take_line(line, out)
        return out

    def close(self) -> list[bytes]:
        """The payload of a last event that the end of the stream closed instead of a blank line."""
        out: list[bytes] = []
        for line in (*_LINE.split(self._rest), b""):
            self._take_line(line, out)
        self._rest = b""
        return out

    def _feed_lines(self, buffer: bytes) -> list[bytes]:
        # A CR at the very end may be half of a CRLF: it waits for the next byte.
        held = b""
        if buffer.endswith(b"\r"):
            buffer, held = buffer[:-1], b"\r"
        *lines, rest = _LINE.split(buffer)
        self._rest = rest + held
        out: list[bytes] = []
        for line in lines:
            self._take_line(line, out)
        return out

    def _take_line(self, line: bytes, out: list[bytes]) -> None:
        if line:
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
        elif self._data:
            out.append(b"\n".join(self._data))
            self._data = []


_HEADS = {kind: f"event: {kind.__struct_config__.tag}\ndata: ".encode() for kind in Event.__subclasses__()}
_ENCODER = msgspec.json.Encoder()
encode_text: Callable[[str], bytes] = _ENCODER.encode


class SSEEncoder:
    """Frames for the events of one response: `event:` is the event's type, `data:` one line of JSON."""

    __slots__ = ("_model", "_template")

    def __init__(self) -> None:
        self._model: Event | None = None
        self._template = b""

    def encode(self, events: Sequence[AnyEvent]) -> bytes:
        """The frames of these events, one behind the other."""
        return b"".join(self.frames(events))

    def frames(self, events: Iterable[AnyEvent]) -> list[bytes]:
        """One frame for each event."""
        frames: list[bytes] = []
        for event in events:
            if isinstance(event, DeltaRun):
                frames += self._frames_of_run(event.model, event.sequence_number, event.deltas)
            else:
                frames.append(encode(event))
        return frames

    def encode_run(self, model: Event, first: int, deltas: Iterable[str]) -> bytes:
        """The frames of the events that are `model` with these deltas, numbered from `first` on."""
        return b"".join(self._frames_of_run(model, first, deltas))

    def template(self, model: Event) -> bytes:
        """The frame of `model`, with a place for its number and one for its delta as `encode_text` gives it."""
        # What the events have in common is encoded once for as long as it stays the same.
        if model is not self._model:
            self._model, self._template = model, _template(model)
        return self._template

    def _frames_of_run(self, model: Event, first: int, deltas: Iterable[str]) -> list[bytes]:
        template = self.template(model)
        return [template % pair for pair in enumerate(map(encode_text, deltas), first)]


def encode(event: Event) -> bytes:
    """The frame of one event, whose JSON is one line even where parts of it came from elsewhere as they were."""
    return _HEADS[type(event)] + on_one_line(_ENCODER.encode(event)) + b"\n\n"


def _template(model: Event) -> bytes:
    """The frame of `model` with a place for its number and one for its delta, which are 0 and empty in it."""
    head, _, rest = encode(model).replace(b"%", b"%%").partition(b'"sequence_number":0,')
    middle, _, tail = rest.rpartition(b',"delta":""')
    return b'%b"sequence_number":%%d,%b,"delta":%%b%b' % (head, middle, tail)
