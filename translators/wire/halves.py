"""`Halves`: the two halves of a surrogate pair that a server cut between the texts of two chunks."""

from __future__ import annotations

import re

from translators.schema import chat
from translators.wire.chunk_template import Chunk, ChunkRun, find_text

# Of a text that is known to end, or to begin, with a half.
_FIRST_AT_END = re.compile(rb'\\u([dD][89abAB][0-9a-fA-F]{2})"')
_SECOND_AT_START = re.compile(rb'"\\u([dD][c-fC-F][0-9a-fA-F]{2})')
_LOST = "\ufffd"


class Halves:
    """Joins the halves of a pair that a server cut between the texts of two chunks; `held` is one that waits."""

    __slots__ = ("_call", "_field", "held")

    def __init__(self) -> None:
        self.held: int | None = None
        self._field = ""
        self._call: chat.ToolCallDelta | None = None

    def join(self, payload: bytes, chunk: chat.ChatChunk) -> list[Chunk]:
        """The chunk that was read of `payload`, and before it what was held, if the payload does not go on with it."""
        place = find_text(chunk)
        text = "" if place is None else place.text
        before: list[Chunk] = []
        if self.held is not None:
            second = _SECOND_AT_START.search(payload)
            goes_on = place is not None and place.field == self._field and _index(place.call) == _index(self._call)
            if goes_on and second is not None and text.startswith(_LOST):
                text = chr(0x10000 + ((self.held - 0xD800) << 10) + (int(second[1], 16) - 0xDC00)) + text[1:]
                self.held = None
            else:
                before = self.flush()
        first = _FIRST_AT_END.search(payload)
        if place is not None and first is not None and text.endswith(_LOST):
            text = text[:-1]
            self.held, self._field, self._call = int(first[1], 16), place.field, place.call
        if place is not None:
            setattr(place.holder, place.field, text)
        return [*before, chunk]

    def flush(self) -> list[Chunk]:
        """What was held, of which the other half never came."""
        if self.held is None:
            return []
        self.held = None
        return [ChunkRun(self._field, [_LOST], self._call)]


def _index(call: chat.ToolCallDelta | None) -> object:
    return None if call is None else call.index
