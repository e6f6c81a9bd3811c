"""Server-sent events: `SSEDecoder.feed(bytes)` gives the data of whole events, `SSEEncoder.frames` the reverse.

Lines end at CR, LF or CRLF and nowhere else: U+2028 and U+0085 are legal inside JSON strings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from translators.decode import on_one_line
from translators.limits import DEFAULT_LIMITS, event_too_large
from translators.long_text import encode_json, encode_short, json_pieces
from translators.schema.events import AnyEvent, DeltaRun, Event

DONE = b"[DONE]"
DONE_FRAME = b"data: [DONE]\n\n"

_DATA_LINE = b"\ndata:"
_SPACE = ord(" ")
_END = b"\n\n"  # of a frame
# Of a line that came in pieces and is put together as what it says alone; a shorter one is copied with its neighbours.
_LONG_LINE = 1 << 16

LONG_BYTES = 1 << 20
"""A longer payload stays in pieces: to put 20 MB together, or to read them in one step, takes tens of milliseconds."""


class LongPayload:
    """A payload of megabytes, in the pieces in which it came."""

    __slots__ = ("_size", "pieces")

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces = pieces
        self._size = sum(map(len, pieces))

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces)


Payload = bytes | LongPayload


class SSEDecoder:
    """Splits a byte stream, cut anywhere, into the `data` of its events; comments give nothing.

    What has come of a line is put together once, when its end comes, and a line that has ended is not looked at again:
    so an event takes time and memory by its length, however it arrives. One that is longer than `limit` bytes raises
    UpstreamProtocolError, and nothing of it is kept.
    """

    __slots__ = ("_data", "_held", "_limit", "_rest")

    def __init__(self, limit: int = DEFAULT_LIMITS.event) -> None:
        self._rest: list[bytes] = []  # the pieces of a line that has not ended
        self._data: list[Payload] = []  # of an event that has not ended: its lines
        self._held = 0  # how many bytes both are
        self._limit = limit

    @property
    def is_between(self) -> bool:
        """Whether nothing has come of an event that has not ended."""
        return not self._rest and not self._data

    def feed(self, data: bytes) -> Sequence[Payload]:
        """The payloads of the events that ended within `data`."""
        buffer = data
        if self._rest:
            if b"\n" not in data and b"\r" not in data and not self._rest[-1].endswith(b"\r"):
                self._hold(data)
                return []
            buffer = self._join(data) if self._held < _LONG_LINE else self._end_line(data)
        held = b""
        if b"\r" in buffer:
            # A CR at the very end may be half of a CRLF: it waits for the next byte.
            if buffer.endswith(b"\r"):
                buffer, held = buffer[:-1], b"\r"
            buffer = _with_one_line_end(buffer)
        has_data_first = buffer.startswith(b"data: ")
        if not (has_data_first or self._data or buffer.startswith(b"data:")):
            buffer = buffer[buffer.find(_DATA_LINE) + 1 :]  # what is before the first line of data says nothing
            has_data_first = buffer.startswith(b"data: ")
        end = buffer.rfind(b"\n\n") + 2
        if has_data_first and end >= 2 and not self._data:
            # What nearly every server sends is one line an event, and so falls apart in one step: it was that if no
            # line end is left inside.
            payloads = buffer[6 : end - 2].split(b"\n\ndata: ")
            if b"\n" not in b"".join(payloads):
                if end < len(buffer) or held:
                    return payloads + self._take_lines(buffer[end:], held)
                return payloads
        return self._take_lines(buffer, held)

    def close(self) -> Sequence[Payload]:
        """The payload of a last event that the end of the stream closed instead of a blank line."""
        return self.feed(b"\n\n")

    def _take_lines(self, lines: bytes, held: bytes = b"") -> list[Payload]:
        """Of whole lines and, in the end, what has come of the next, with `held` behind it.

        Steps from one line of data to the next. What is between them is searched for a blank line and not looked at
        otherwise: comments, other fields and blank lines take no step each, of which a byte or two is enough for one.
        """
        if b"\n" not in lines:
            if lines or held:
                self._hold(lines + held)
            return []
        out: list[Payload] = []
        event = self._data
        lines = b"\n" + lines  # so that each line has a line end before it
        find = lines.find
        last = lines.rfind(b"\n")
        at, start = 0, find(_DATA_LINE, 0, last)
        while True:
            # Only as far as the next line of data, so that no byte is searched twice.
            if event and find(b"\n\n", at, (last if start < 0 else start) + 1) >= 0:
                out.append(event[0] if len(event) == 1 else b"\n".join(map(bytes, event)))
                self._data = event = []
                self._held = 0
            if start < 0:
                break
            at = find(b"\n", start + 1)
            content = start + len(_DATA_LINE)
            event.append(lines[content + 1 if lines[content] == _SPACE else content : at])
            self._count(at - start - 1)
            start = find(_DATA_LINE, at, last)
        if rest := lines[last + 1 :] + held:
            self._hold(rest)
        return out

    def _hold(self, piece: bytes) -> None:
        self._rest.append(piece)
        self._count(len(piece))

    def _join(self, data: bytes) -> bytes:
        line = b"".join(self._rest)
        self._held -= len(line)
        self._rest = []
        return line + data

    def _end_line(self, data: bytes) -> bytes:
        """Ends the line of which pieces are held, and gives what is behind it.

        To put all together and look for lines in it would copy one of 20 MB four times.
        """
        self._rest = rest = [piece for piece in self._rest if piece]
        if rest[-1].endswith(b"\r"):
            rest[-1], data = rest[-1][:-1], b"\r" + data
            self._held -= 1
        head = b"".join(rest[: len(_DATA_LINE)])
        if len(head) < len(_DATA_LINE):
            return self._join(data)  # what is long are the lines before it
        end = min(at for at in (data.find(b"\n"), data.find(b"\r")) if at >= 0)
        if data[end:] == b"\r":  # perhaps half of a CRLF
            self._hold(data)
            return b""
        self._rest = []
        if head.startswith(_DATA_LINE[1:]):
            head = head[len(_DATA_LINE) if head[len(_DATA_LINE) - 1 :].startswith(b" ") else len(_DATA_LINE) - 1 :]
            line = LongPayload([head, *rest[len(_DATA_LINE) :], data[:end]])
            self._data.append(line if len(line) > LONG_BYTES else bytes(line))
            self._count(end)
        else:
            self._held -= sum(map(len, rest))
        return data[end + (2 if data.startswith(b"\r\n", end) else 1) :]

    def _count(self, size: int) -> None:
        self._held += size
        if self._held > self._limit:
            self._rest, self._data, self._held = [], [], 0
            raise event_too_large(self._limit)


def _with_one_line_end(lines: bytes) -> bytes:
    return lines.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


_HEADS = {kind: f"event: {kind.__struct_config__.tag}\ndata: ".encode() for kind in Event.__subclasses__()}
encode_text: Callable[[str], bytes] = msgspec.json.Encoder().encode


class SSEEncoder:
    """Frames for the events of one response: `event:` is the event's type, `data:` one line of JSON."""

    __slots__ = ("_model", "_template")

    def __init__(self) -> None:
        self._model: Event | None = None
        self._template = b""

    def encode(self, events: Sequence[AnyEvent]) -> bytes:
        """The frames of these events, one behind the other. Raises LongJson where one has to go in `pieces`."""
        pieces: list[bytes] = []
        for event in events:
            if isinstance(event, DeltaRun):
                pieces += self._frames_of_run(event.model, event.sequence_number, event.deltas)
            else:
                json = encode_short(event)
                pieces += (
                    _HEADS[type(event)],
                    on_one_line(json) if b"\n" in json or b"\r" in json else json,
                    _END,
                )
        return b"".join(pieces)

    def frames(self, events: Iterable[AnyEvent]) -> list[bytes]:
        """One frame for each event."""
        frames: list[bytes] = []
        for event in events:
            if isinstance(event, DeltaRun):
                frames += self._frames_of_run(event.model, event.sequence_number, event.deltas)
            else:
                frames.append(encode(event))
        return frames

    def pieces(self, events: Iterable[AnyEvent]) -> Iterator[bytes]:
        """The same, however long: in pieces of which each is made in a moment."""
        for event in events:
            if isinstance(event, DeltaRun):
                yield from self._frames_of_run(event.model, event.sequence_number, event.deltas)
            else:
                yield _HEADS[type(event)]
                yield from json_pieces(event, on_one_line)
                yield _END

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
    return _HEADS[type(event)] + on_one_line(encode_json(event)) + _END


def _template(model: Event) -> bytes:
    """The frame of `model` with a place for its number and one for its delta, which are 0 and empty in it."""
    head, _, rest = encode(model).replace(b"%", b"%%").partition(b'"sequence_number":0,')
    middle, _, tail = rest.rpartition(b',"delta":""')
    return b'%b"sequence_number":%%d,%b,"delta":%%b%b' % (head, middle, tail)
