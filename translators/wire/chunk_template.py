"""`ChunkPattern`: tells, by its bytes, a chunk that differs from one already read in a single text.

An answer is mostly one chunk over and over with another piece of text in it. Once one has been read in full, the
next need no reading: the same bytes stand before and behind the text, and the text is a JSON string. That is exact,
since a string in the place of another changes nothing else of what a JSON text says.

How a pattern is learned, and what it may then say:

1. A chunk was read in full, and holds one text and nothing else that `fragments` would read (`find_text`). In the bytes
   of its payload, each string under that text's name may be it. One of them is, if the payload with "another text" in
   its place reads as the same chunk with that text in its place (`_is_all_of_it`). A name that stands twice, or a text
   that another field repeats, fails there, and there is no pattern.
2. A payload is of the pattern if the same bytes stand before and behind, and what is between them is one string: what
   msgspec decodes as one, not what looks like one. Many are decoded together as an array; as many strings as pieces can
   only be these (`_decode`). Where that cannot be told in one step, each is decoded by itself.
3. What is not of the pattern is read in full, and says what it is: a pattern never refuses, and never guesses.

So a `ChunkRun` is defined as the chunks it stands for (`singles`), and no reader need know whether it got the one or
the others. The texts are looked at by whoever has to (a filter, a limit of calls), one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter

import msgspec
from msgspec import Struct

from translators.errors import UpstreamProtocolError
from translators.recovery.upstream_errors import error_in_chunk
from translators.schema import chat
from translators.wire.payload import Odd, OddChunk, parse_chunk

SPOKEN = ("content", "reasoning_content", "reasoning", "reasoning_text")
_TEXT = msgspec.json.Decoder(str)
_TEXTS = msgspec.json.Decoder(list[str])
# A pattern is for chunks of a few words; in one with a whole answer, its parts would be read again and again.
_LONGEST_LESSON = 1 << 14
_BEFORE, _BEHIND = b"data: ", b"\n\n"
_LITERALS = {
    field: re.compile(rb'"%b"\s*:\s*("[^"\\]*+(?:\\.[^"\\]*+)*+")' % field.encode()) for field in (*SPOKEN, "arguments")
}


class ChunkRun(Struct, frozen=True):
    """Chunks that came together and hold one text each and nothing else: `texts`, none of them empty.

    `field` is where they hold it; for `arguments`, `call` is the entry of `tool_calls` around it. What nobody could
    read beside the text of the first is `odd`; the others hold the same.
    """

    field: str
    texts: list[str]
    call: chat.ToolCallDelta | None = None
    odd: tuple[Odd, ...] = ()

    def singles(self) -> Iterator[chat.ChatChunk]:
        """Chunks that say the same."""
        for text in self.texts:
            delta = chat.Delta()
            if self.call is None:
                setattr(delta, self.field, text)
            else:
                function = chat.FunctionDelta(arguments=text)
                delta.tool_calls = [msgspec.structs.replace(self.call, function=function)]
            yield OddChunk(choices=[chat.Choice(delta=delta)], odd=[*self.odd])


Chunk = chat.ChatChunk | ChunkRun


def one_by_one(chunks: Iterable[Chunk]) -> Iterator[chat.ChatChunk]:
    for chunk in chunks:
        if isinstance(chunk, ChunkRun):
            yield from chunk.singles()
        else:
            yield chunk


class _Place(Struct, frozen=True):
    """The one text of a chunk: the attribute `field` of `holder`."""

    field: str
    holder: chat.Delta | chat.FunctionDelta
    text: str
    call: chat.ToolCallDelta | None = None


class ChunkPattern:
    """The bytes around the text of one chunk. Made by `learn`.

    `first` is that chunk as a run, if it says nothing that those like it need not say again.
    """

    __slots__ = ("_before", "_behind", "_between", "_call", "_closing", "_literal", "_opening", "field", "first")

    def __init__(self, place: _Place, before: bytes, behind: bytes, first: ChunkRun | None) -> None:
        self.first = first
        self.field = place.field
        self._call = place.call
        # With the quotes around the text.
        self._before = before + b'"'
        self._behind = b'"' + behind
        # The same as events.
        self._opening = _BEFORE + self._before
        self._closing = self._behind + _BEHIND
        self._between = self._closing + self._opening
        # Of the text in one event, with its quotes.
        self._literal = slice(len(self._opening) - 1, 1 - len(self._closing))

    @classmethod
    def learn(cls, payload: bytes, chunk: chat.ChatChunk) -> ChunkPattern | None:
        """The pattern of a chunk and the bytes it was read from; None for one that says more than one text."""
        if len(payload) > _LONGEST_LESSON:
            return None
        place = find_text(chunk)
        if place is None or b"\n" in payload:  # of an event of several lines, whose bytes were others
            return None
        for literal in _LITERALS[place.field].finditer(payload):
            before, behind = payload[: literal.start(1)], payload[literal.end(1) :]
            if _is_all_of_it(before, behind, place, chunk):
                odd = tuple(chunk.odd) if isinstance(chunk, OddChunk) else ()
                alone = chunk.service_tier is None
                first = ChunkRun(place.field, [place.text], place.call, odd) if alone else None
                return cls(place, before, behind, first)
        return None

    def read_events(self, data: bytes) -> ChunkRun | None:
        """The run that these bytes are, if they are whole events and all of them have the pattern."""
        texts = self.read_texts(data)
        return None if texts is None else ChunkRun(self.field, texts, self._call)

    def read_text(self, data: bytes) -> str | None:
        """The text of that run, if it is of one event: the shortest way there is, and nearly all that arrives can take
        it. None, or an empty text, where it is no run of one."""
        if data.find(b"\n\n") == len(data) - 2 and data.startswith(self._opening) and data.endswith(self._closing):
            try:
                return _TEXT.decode(data[self._literal])
            except (msgspec.DecodeError, UnicodeError):  # also where the quotes at both ends are the same
                return None
        return None

    def read_texts(self, data: bytes) -> list[str] | None:
        """The texts of that run.

        Whether something else stands around a text is seen by putting all together again: to search for the long text
        between two of them takes ten times as long.
        """
        opening, closing = self._opening, self._closing
        start, stop = len(opening), len(_BEHIND) - len(closing)
        pieces = [event[start:stop] for event in data[: -len(_BEHIND)].split(_BEHIND)]
        if b"%b%b%b" % (opening, self._between.join(pieces), closing) != data:
            return None
        texts = _decode(pieces)
        return None if texts is None or "" in texts else texts

    def read(self, payloads: Sequence[bytes], at: int) -> tuple[ChunkRun | None, int]:
        """The payloads from `at` on that have the pattern, and the place of the first that has not."""
        before, behind = self._before, self._behind
        start, stop = len(before), -len(behind)
        least = start - stop  # in a shorter one, the quotes at both ends would be the same
        pieces: list[bytes] = []
        for place in range(at, len(payloads)):
            payload = payloads[place]
            if not (payload.startswith(before) and payload.endswith(behind) and len(payload) >= least):
                break
            pieces.append(payload[start:stop])
        if not pieces:
            return None, at
        texts = _decode(pieces)
        if texts is None:
            texts = _decode_one_by_one(pieces)
        spoken = [text for text in texts if text] if "" in texts else texts
        return ChunkRun(self.field, spoken, self._call) if spoken else None, at + len(texts)


def _decode(pieces: list[bytes]) -> list[str] | None:
    """The strings that stand between quotes as these pieces, or None where that cannot be told in one step.

    As many strings as pieces can only be these: each has a quote at both ends, the last of which ends it, since no
    backslash is before it; and a quote inside of one would make one string too many.
    """
    together = b'","'.join(pieces)
    if b'\\","' in together:
        return None
    try:
        texts = _TEXTS.decode(b'["%b"]' % together)
    except (msgspec.DecodeError, UnicodeError):
        return None
    return texts if len(texts) == len(pieces) else None


def _decode_one_by_one(pieces: list[bytes]) -> list[str]:
    """The strings, up to the first that is none: a full reading can tell what that is."""
    texts: list[str] = []
    for piece in pieces:
        try:
            texts.append(_TEXT.decode(b'"%b"' % piece))
        except (msgspec.DecodeError, UnicodeError):
            break
    return texts


def _is_all_of_it(before: bytes, behind: bytes, place: _Place, chunk: chat.ChatChunk) -> bool:
    """Whether the text of `chunk` stands between these bytes: then another in its place is all that changes."""
    try:
        other = parse_chunk(before + b'"another text"' + behind)
    except UpstreamProtocolError:
        return False
    found = find_text(other)
    if found is None or found.text != "another text":
        return False
    setattr(found.holder, found.field, place.text)
    return other == chunk


# What a chunk, a delta and a call may say besides; in a chunk that says one text alone there is none of it.
_beside_choices = attrgetter("usage", "x_groq", "citations", "search_results", "web_search", "search_info")
_beside_text = attrgetter(
    *("refusal", "thinking", "reasoning_details", "annotations", "function_call", "images", "audio"),
    *("reasoning_opaque", "thinking_blocks", "extra_content", "provider_specific_fields"),
)
_beside_arguments = attrgetter("function.name", "extra_content", "provider_specific_fields", "thought_signature")


def find_text(chunk: chat.ChatChunk) -> _Place | None:
    """The one text of a chunk, if there is nothing else in it that `fragments` would read."""
    if chunk.choices is None or len(chunk.choices) != 1 or any(_beside_choices(chunk)) or error_in_chunk(chunk):
        return None
    choice = chunk.choices[0]
    delta = choice.delta
    # Another choice than the first is not the answer; of log probabilities even an empty list may be asked for.
    if delta is None or choice.index or choice.finish_reason or choice.usage or choice.error or choice.message:
        return None
    if choice.logprobs is not None or any(_beside_text(delta)):
        return None
    said = [_Place(field, delta, text) for field in SPOKEN if (text := getattr(delta, field))]
    for call in delta.tool_calls or ():
        if call.function is None or any(_beside_arguments(call)) or _says_more(call.function):
            return None
        said.append(_Place("arguments", call.function, call.function.arguments, call))
    return said[0] if len(said) == 1 and type(said[0].text) is str and said[0].text else None


def _says_more(function: chat.FunctionDelta) -> bool:
    return bool(function.thought_signature or function.provider_specific_fields)
