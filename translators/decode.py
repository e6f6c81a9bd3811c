"""JSON into structs, with errors that name the field the way OpenAI's API names it.

Every failure is an `InvalidRequest` whose `param` is a path such as `input[2].content[0].text`.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast

import msgspec

from translators.errors import InvalidRequest

T = TypeVar("T")

# msgspec closes a message with " - at `$.path`"; `$[...]` stands for any key of a map.
_LOCATED = re.compile(r"(?P<said>.*?)(?: - at `(?P<key>key in )?\$(?P<path>[^`]*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


@cache
def decoder(type_: Hashable) -> msgspec.json.Decoder[Any]:
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(cast("type[Any]", type_))
    return decoder


def decode_as(type_: type[T], raw: bytes | msgspec.Raw, at: str = "") -> T:
    """`raw` as a `type_`; `at` is the path of `raw` in the request. Raises InvalidRequest."""
    try:
        decoded: T = decoder(cast("Hashable", type_)).decode(raw)
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
    where = f"Invalid value for '{param}': " if param else "Invalid request body: "
    return InvalidRequest(f"{where}{said[:1].lower()}{said[1:]}.", param=param or None, code=code)


def is_string(raw: msgspec.Raw) -> bool:
    return memoryview(raw)[0] == 0x22  # a double quote


def is_null(raw: msgspec.Raw) -> bool:
    return memoryview(raw)[0] == 0x6E  # the n of null


def is_object(raw: msgspec.Raw) -> bool:
    return memoryview(raw)[0] == 0x7B  # an opening brace


def compact(raw: msgspec.Raw) -> str:
    """The same JSON without white space: a client may format what it sends back anew."""
    return msgspec.json.format(raw, indent=-1).decode()


def is_json_object(text: str) -> bool:
    """Whether `text` is one whole JSON object."""
    try:
        msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def join_path(at: str, path: str) -> str:
    return f"{at}{path}" if at else path.removeprefix(".")


def check_depth(body: bytes, limit: int) -> None:
    """Refuses JSON nested deeper than `limit`: recursive readers downstream need not survive it.

    Works on the brackets alone, in C: almost every body is decided by the first count.
    """
    if body.count(b"[") + body.count(b"{") <= limit:
        return
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
