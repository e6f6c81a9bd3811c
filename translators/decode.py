"""JSON into structs, with errors that name the field the way OpenAI's API names it.

Every failure is an `InvalidRequest` whose `param` is a path such as `input[2].content[0].text`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Hashable, Iterable
from functools import cache
from typing import Any, TypeVar, cast

import msgspec

from translators.errors import InvalidRequest, bounded
from translators.steps import step

T = TypeVar("T")

# msgspec closes a message with " - at `$.path`"; `$[...]` stands for any key of a map.
_LOCATED = re.compile(r"(?P<said>.*?)(?: - at `(?P<key>key in )?\$(?P<path>[^`]*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
_SHORT = 1 << 15
# All at once would take a string of twice the length or more, and tens of milliseconds for tens of megabytes.
_UTF8_PIECE = 1 << 18
_UTF8 = codecs.getincrementaldecoder("utf-8")
MOST_OF_A_VALUE = 300  # characters: what is wrong, with the value that is
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


@cache
def decoder(type_: Hashable) -> msgspec.json.Decoder[Any]:
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(cast("type[Any]", type_))
    return decoder


def decode_as(type_: type[T], raw: bytes | msgspec.Raw, at: str = "") -> T:
    """`raw` as a `type_`; `at` is the path of `raw` in the request. Raises InvalidRequest."""
    try:
        decoded: T = decoder(type_).decode(raw)  # type: ignore[arg-type]  # types are hashable; a cast would cost
    except msgspec.ValidationError as error:
        raise _invalid_value(str(error), at) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(
            f"The request body is not valid JSON: {error}.", param=at or None, code="invalid_json"
        ) from None
    except RecursionError:
        raise _too_deep(at) from None
    return decoded


def _invalid_value(message: str, at: str) -> InvalidRequest:
    match = _LOCATED.fullmatch(message)
    said, path = (match["said"], match["path"] or "") if match else (message, "")
    param = join_path(at, path)
    missing = _MISSING.fullmatch(said)
    if missing:
        param = join_path(param, "." + missing["name"])
        return InvalidRequest(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
    code = "invalid_type" if ", got" in said else "invalid_value"
    said = bounded(said, MOST_OF_A_VALUE)
    where = f"Invalid value for '{param}': " if param else "Invalid request body: "
    return InvalidRequest(f"{where}{said[:1].lower()}{said[1:]}.", param=param or None, code=code)


def is_string(raw: msgspec.Raw) -> bool:
    return memoryview(raw)[0] == 0x22  # a double quote


def read_text(text: str | msgspec.Raw) -> str:
    """A text that may still be the JSON it came in."""
    return text if isinstance(text, str) else decode_as(str, text)


def is_null(raw: msgspec.Raw) -> bool:
    return memoryview(raw)[0] == 0x6E  # the n of null


def is_object(raw: msgspec.Raw) -> bool:
    return memoryview(raw)[0] == 0x7B  # an opening brace


def is_list(raw: msgspec.Raw) -> bool:
    return memoryview(raw)[0] == 0x5B  # an opening bracket


def compact(raw: msgspec.Raw) -> str:
    """The same JSON without white space: a client may format what it sends back anew."""
    return msgspec.json.format(raw, indent=-1).decode()


def on_one_line(json: bytes) -> bytes:
    """The same JSON without white space, if a line of it ends anywhere; what is no JSON stays as it is.

    A line end inside of a string is escaped, so that one in the bytes is white space. To look for one costs next to
    nothing where there is none, and to write JSON anew takes 2 ms for a megabyte.
    """
    if b"\n" not in json and b"\r" not in json:
        return json
    try:
        return msgspec.json.format(json, indent=-1)
    except (msgspec.DecodeError, RecursionError):
        return json  # whoever decodes it says what is wrong with it, and where


def check_utf8(json: bytes) -> None:
    """Raises UnicodeDecodeError for what is no UTF-8."""
    if len(json) <= _UTF8_PIECE:
        json.decode()
        return
    decoder = _UTF8()
    try:
        for at in range(0, len(json), _UTF8_PIECE):
            decoder.decode(json[at : at + _UTF8_PIECE])
            step()
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        json.decode()  # says where it is


def is_json_object(text: str | bytes) -> bool:
    """Whether `text` is one whole JSON object."""
    try:
        msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


_MARK = re.compile(r'["\\{}]')


class Braces:
    """Counts the braces of JSON that comes in pieces, outside of its strings."""

    def __init__(self) -> None:
        self.closed_at_end = False
        """Whether the last piece ended with the brace that closes the first one; so it is once at most."""
        self._depth = 0
        self._closed = 0
        self._in_string = False
        self._escaped = False

    def feed(self, pieces: Iterable[str]) -> None:
        for piece in pieces:
            self._feed(piece)

    def _feed(self, piece: str) -> None:
        at, ended = 0, False
        if self._escaped and piece:
            self._escaped, at = False, 1
        while mark := _MARK.search(piece, at):
            at = mark.end()
            match mark[0]:
                case '"':
                    self._in_string = not self._in_string
                case "\\" if self._in_string:
                    self._escaped = at == len(piece)
                    at += 1
                case "{" if not self._in_string:
                    self._depth += 1
                case "}" if not self._in_string:
                    self._depth -= 1
                    self._closed += self._depth == 0
                    ended = self._depth == 0 and at == len(piece)
        self.closed_at_end = ended and self._closed == 1


def join_path(at: str, path: str) -> str:
    return f"{at}{path}" if at else path.removeprefix(".")


def check_depth(body: bytes | msgspec.Raw, limit: int) -> None:
    """Refuses JSON nested deeper than `limit`: recursive readers downstream need not survive it.

    Counting brackets decides nearly every body. What has too many of them is taken apart, so that a long
    history is judged item by item, and only a suspicious rest is looked at bracket by bracket.
    """
    _check_depth(memoryview(body), limit, levels=3)


def is_flat(body: bytes, limit: int) -> bool:
    """Whether a short body has so few brackets that it cannot be nested deeper than `limit`."""
    return len(body) <= _SHORT and body.count(b"[") + body.count(b"{") <= limit


def _check_depth(value: memoryview, limit: int, levels: int) -> None:
    raw = bytes(value)
    # A long value would fail the count anyway, and counting costs as much as taking it apart.
    if (len(raw) <= _SHORT or not levels) and raw.count(b"[") + raw.count(b"{") <= limit:
        return
    if levels:
        try:
            members = _members(raw)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            members = None  # no container, or broken JSON, which the decoder will tell of if brackets do not
        if members is not None:
            for member in members:
                _check_depth(memoryview(member), limit - 1, levels - 1)
            return
    _check_brackets(raw, limit)


def _members(raw: bytes) -> Iterable[msgspec.Raw]:
    if raw.lstrip()[:1] == b"[":
        members: list[msgspec.Raw] = decoder(list[msgspec.Raw]).decode(raw)
        return members
    fields: dict[str, msgspec.Raw] = decoder(dict[str, msgspec.Raw]).decode(raw)
    return fields.values()


def _check_brackets(body: bytes, limit: int) -> None:
    """Peels the innermost brackets off, one level at a time, in C."""
    outside_strings = body.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')[::2]
    outline = b"".join(outside_strings).translate(_SQUARE, _NOT_BRACKETS)
    for _ in range(limit):
        peeled = outline.replace(b"[]", b"")
        if len(peeled) == len(outline):
            return  # empty, or unbalanced: the decoder will say so
        outline = peeled
    if b"[]" in outline:
        raise _too_deep("")


def _too_deep(at: str) -> InvalidRequest:
    return InvalidRequest("The request body is nested too deeply.", param=at or None, code="invalid_json")
