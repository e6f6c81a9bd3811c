"""`resent(history, items)`: which items of an input the history before it holds already.

OpenAI refuses such a request (`Duplicate item found with id …`); clients that keep their own history send it all the
same. An item whose id the history has is that item. Where a client sends no ids, an input that begins with the whole
history is told by that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw, Struct

from translators.decode import is_list, is_null, is_object, is_string
from translators.errors import InvalidRequest, bounded
from translators.history.outline import Outline


class _Item(Outline):
    """An outline and what tells two items apart."""

    call_id: str | None = None
    name: str | None = None
    content: Raw = Raw(b"null")
    arguments: Raw = Raw(b"null")
    output: Raw = Raw(b"null")
    input: Raw = Raw(b"null")

    @property
    def is_the_models(self) -> bool:
        return self.kind.endswith("_call") or (self.kind == "message" and self.role == "assistant")

    def says_the_same(self, other: _Item) -> bool:
        """Whatever form its content has: servers and clients turn a text into parts and back."""
        return (
            (self.kind, self.role, self.call_id, self.name) == (other.kind, other.role, other.call_id, other.name)
            and _same(self.arguments, other.arguments)
            and _same(self.input, other.input)
            and _same(self.output, other.output)
            and (self.kind != "message" or _same(self.content, other.content))
        )


class _Part(Struct):
    type: str = ""
    text: str | None = None
    refusal: str | None = None


_ITEM = msgspec.json.Decoder(_Item)
_TEXT = msgspec.json.Decoder(str)
_PARTS = msgspec.json.Decoder(list[Raw])
_PART = msgspec.json.Decoder(_Part)


def resent(history: Sequence[Raw], items: Sequence[Raw]) -> frozenset[int]:
    """The places in `items` of those to leave out. Raises InvalidRequest for another item under a used id."""
    given = [_read(raw) for raw in items]
    if not any(item is not None and (item.id or item.is_the_models) for item in given):
        return frozenset()  # as nearly every client continues
    before = [_read(raw) for raw in history]
    known = {item.id: item for item in before if item is not None and item.id}
    found = {place for place, item in enumerate(given) if item is not None and _is_known(item, known, place)}
    return _whole_history(before, given) | found


def _is_known(item: _Item, known: Mapping[str, _Item], place: int) -> bool:
    earlier = known.get(item.id) if item.id else None
    if earlier is None:
        return False
    if item.kind == "reasoning" and earlier.kind == "reasoning":
        return True  # clients leave parts of it out
    if not item.says_the_same(earlier):
        raise InvalidRequest(
            f"Duplicate item found with id {bounded(item.id)}. Remove duplicate items from your input and try again.",
            param=f"input[{place}].id",
            code="invalid_value",
        )
    return True


def _whole_history(history: Sequence[_Item | None], given: Sequence[_Item | None]) -> frozenset[int]:
    """Where `given` begins with all of `history`, apart from thoughts, which few clients keep.

    Only what the model said or called tells: a user may well say the same again.
    """
    if not any(item is not None and item.is_the_models for item in history):
        return frozenset()
    places = iter([place for place, item in enumerate(given) if item is None or item.kind != "reasoning"])
    last = -1
    for earlier in history:
        if earlier is not None and earlier.kind == "reasoning":
            continue
        last = next(places, -1)
        item = given[last] if last >= 0 else None
        if item is None or earlier is None or not item.says_the_same(earlier):
            return frozenset()
    return frozenset(range(last + 1))


def _read(raw: Raw) -> _Item | None:
    try:
        return _ITEM.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None  # the translation says what is wrong with it


def _same(one: Raw, other: Raw) -> bool:
    return bytes(one) == bytes(other) or _words(one) == _words(other)


def _words(raw: Raw) -> tuple[str, ...] | bytes:
    """The texts of a string or of parts; of anything else, its bytes."""
    if is_null(raw):
        return ()
    try:
        if is_string(raw):
            return (_TEXT.decode(raw),)
        if is_list(raw):
            return tuple(_word(part) for part in _PARTS.decode(raw))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    return bytes(raw)


def _word(raw: Raw) -> str:
    if is_string(raw):
        return _TEXT.decode(raw)
    part = _PART.decode(raw) if is_object(raw) else _Part()
    return part.text or part.refusal or bytes(raw).decode()
