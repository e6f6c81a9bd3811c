"""One payload of a Chat answer as a `ChatChunk`, whatever is odd about it: `parse_chunk`.

What has known fields of the right type alone is read in one step. Anything else is read field by field: what nobody
understands is left out and told of (`OddChunk.odd`), and the rest is read all the same.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from translators.errors import UpstreamProtocolError
from translators.limits import MAX_MENDED_BYTES, too_large_to_mend
from translators.schema import chat
from translators.surrogates import mended

_DECODER = msgspec.json.Decoder(chat.ChatChunk)
# Of what one payload holds: more is an upstream gone mad, and a report of all of it helps nobody.
_MAX_ODD = 32
_MAX_NAME = 64

UNKNOWN = "nothing here reads it"


class Odd(Struct, frozen=True):
    """A part of an answer that is left out: where it stood, as `choices[0].delta.name`, and why."""

    at: str
    reason: str


class _NoNumber(str):
    """What stands where JSON would have a number, as `NaN`."""

    __slots__ = ()


class OddChunk(chat.ChatChunk):
    """A chunk that held more than is understood."""

    odd: list[Odd] = msgspec.field(default_factory=list)


def parse_chunk(payload: bytes) -> chat.ChatChunk:
    """Raises UpstreamProtocolError for what is no JSON object, and for `choices` that are no list."""
    try:
        return _DECODER.decode(payload)
    except msgspec.ValidationError:
        return _salvage(payload)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        _check_mendable(payload)
        return _salvage(payload)


def says_something(value: Any) -> bool:
    """Whether a field holds anything: null, false, 0, "", and lists and objects of nothing but those say nothing."""
    unseen = [value]
    while unseen:
        member = unseen.pop()
        if type(member) is dict:
            unseen += member.values()
        elif type(member) is list:
            unseen += member
        elif member:
            return True
    return False


def _salvage(payload: bytes) -> chat.ChatChunk:
    salvage = _Salvage()
    fields = salvage.without_no_numbers(_decode_anything(payload))
    if type(fields) is list and len(fields) == 1:  # Gemini wraps an error in an array
        fields = fields[0]
    if type(fields) is not dict:
        raise UpstreamProtocolError("The upstream sent something that is no Chat Completions answer.")
    choices = fields.get("choices")
    if type(choices) is dict:
        fields["choices"] = [choices]
    elif choices is not None and type(choices) is not list:
        raise UpstreamProtocolError("The upstream sent choices that cannot be read: they are no list.")
    clean = salvage.read_struct(fields, chat.ChatChunk, "")
    if not salvage.odd:
        return msgspec.convert(clean, chat.ChatChunk)
    chunk = msgspec.convert(clean, OddChunk)
    chunk.odd = salvage.odd
    return chunk


def _decode_anything(payload: bytes) -> Any:
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _decode_broken(payload)


def _check_mendable(payload: bytes) -> None:
    if len(payload) > MAX_MENDED_BYTES:
        raise too_large_to_mend()


def _decode_broken(payload: bytes) -> Any:
    _check_mendable(payload)
    text = mended(payload).decode("utf-8", "replace")
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        return json.loads(text, parse_constant=_NoNumber, parse_float=_read_float)
    except (ValueError, RecursionError):
        raise UpstreamProtocolError("The upstream sent something that is not JSON.") from None


def _read_float(digits: str) -> float | _NoNumber:
    number = float(digits)
    return number if math.isfinite(number) else _NoNumber(digits[:_MAX_NAME])


class _Salvage:
    """Takes values apart by the types that they should have; `odd` is what has been left out."""

    def __init__(self) -> None:
        self.odd: list[Odd] = []

    def without_no_numbers(self, value: Any) -> Any:
        """The same with null for what Python's `json`, and so many a server in Python, writes of numbers that JSON has
        none of: NaN, Infinity, -Infinity."""
        if type(value) is _NoNumber:
            return None
        unseen = [("", value)]
        while unseen:
            at, holder = unseen.pop()
            if type(holder) is dict:
                for name, member in holder.items():
                    where = f"{at}.{name[:_MAX_NAME]}" if at else name[:_MAX_NAME]
                    if type(member) is _NoNumber:
                        holder[name] = None
                        self._leave_out(where, f"{member} is no number in JSON")
                    elif type(member) in (dict, list):
                        unseen.append((where, member))
            elif type(holder) is list:
                for place, member in enumerate(holder):
                    if type(member) is _NoNumber:
                        holder[place] = None
                        self._leave_out(f"{at}[]", f"{member} is no number in JSON")
                    elif type(member) in (dict, list):
                        unseen.append((f"{at}[{place}]" if at == "choices" else f"{at}[]", member))
        return value

    def read_struct(self, fields: Mapping[str, Any], kind: type[Struct], at: str) -> dict[str, Any]:
        """The fields that `kind` has, as far as they can be read."""
        found: dict[str, Any] = {}
        types_of_fields, beside = _FIELDS[kind], chat.BESIDE.get(kind, _NOTHING)
        for name, value in fields.items():
            if value is None:
                continue
            expected = types_of_fields.get(name)
            if expected is Any:
                found[name] = value
                continue
            where = f"{at}.{name[:_MAX_NAME]}" if at else name[:_MAX_NAME]
            if expected is None:
                if name not in beside and says_something(value):
                    self._leave_out(where, UNKNOWN)
            elif (clean := self._read(value, expected, where)) is not None:
                found[name] = clean
        return found

    def _read(self, value: Any, expected: Any, at: str) -> Any:
        """None where nothing of it can be read."""
        if expected in _FIELDS:
            if type(value) is dict:
                return self.read_struct(value, expected, at)
            return self._leave_out(at, "it should be an object")
        if get_origin(expected) is list:
            return self._read_list(value, get_args(expected)[0], at)
        try:
            return msgspec.to_builtins(msgspec.convert(value, expected, strict=False))
        except msgspec.ValidationError as error:
            return self._leave_out(at, f"it cannot be read ({error})")

    def _read_list(self, value: Any, member_type: Any, at: str) -> list[Any] | None:
        if type(value) is not list:
            self._leave_out(at, "it should be a list")
            return None
        # Members of calls are not told apart: one odd field is mostly in all of them.
        places = (f"{at}[{place}]" if at == "choices" else f"{at}[]" for place in range(len(value)))
        read = (self._read(member, member_type, where) for member, where in zip(value, places, strict=True))
        return [member for member in read if member is not None]

    def _leave_out(self, at: str, reason: str) -> None:
        odd = Odd(at, reason)
        if len(self.odd) < _MAX_ODD and odd not in self.odd:
            self.odd.append(odd)


def _types_of_fields(kind: type[Struct]) -> dict[str, Any]:
    """By name; of what may be None, what it else is."""
    return {field.name: _without_none(field.type) for field in msgspec.structs.fields(kind)}


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        [found] = (member for member in get_args(kind) if member is not types.NoneType)
        return found
    return kind


_STRUCTS: tuple[type[Struct], ...] = (chat.ChatChunk, chat.Choice, chat.Delta, chat.ToolCallDelta, chat.FunctionDelta)
_NOTHING: frozenset[str] = frozenset()
_FIELDS = {kind: _types_of_fields(kind) for kind in _STRUCTS}
