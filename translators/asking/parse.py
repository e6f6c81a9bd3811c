"""Responses requests into `ParsedRequest`s: `parse_request(body)`, and what of a body had to be mended for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import msgspec
from msgspec import Raw, Struct

from translators.asking.read_items import read_items
from translators.decode import check_depth, check_utf8, decode_as, is_flat, is_list, on_one_line
from translators.errors import InvalidRequest
from translators.items.item import Item
from translators.schema.responses import NULL, ResponsesRequest
from translators.surrogates import mended, mended_utf8

MAX_DEPTH = 256


class ParsedRequest(Struct, frozen=True):
    """A request's parameters, the fields of its body that are no parameters, and the items of its input.

    Items are raw as long as nobody has looked at them one by one. `resent` are the places of those that the history
    holds already: the parameters' own `input` is without them. `mended` are the fields that held
    half of a surrogate pair.
    """

    params: ResponsesRequest
    unknown: dict[str, Raw]
    items: Sequence[Item | Raw]
    resent: frozenset[int] = frozenset()
    mended: tuple[str, ...] = ()

    @classmethod
    def of(cls, params: ResponsesRequest) -> Self:
        """Of parameters that have been found to be good already."""
        return cls(params, {}, _read_input(params.input))


def parse_request(body: bytes, *, max_depth: int = MAX_DEPTH) -> ParsedRequest:
    """Raises InvalidRequest for anything that is not a request; deeper than `max_depth` is not one.

    Raw parts go to events, to the store and upstream as they came: so a body that somebody wrote over several lines is
    put on one first.
    """
    if not body.isascii():
        try:
            check_utf8(body)  # raw parts pass through unread, so the whole is checked here
        except UnicodeDecodeError as error:
            return _parse_mended(body, max_depth, error)
    if b"\n" in body or b"\r" in body:
        body = on_one_line(body)
    try:
        params = _KNOWN_ONLY.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        whole = mended(body)
        if whole != body:
            return _told_of_mending(parse_request(whole, max_depth=max_depth), whole)
        return _parse_carefully(body, max_depth)
    if is_flat(body, max_depth):
        return ParsedRequest(params, {}, _read_input(params.input))
    input_, params.input = params.input, NULL
    check_depth(msgspec.json.encode(params), max_depth)
    return _with_input(params, {}, input_, max_depth)


def _parse_mended(body: bytes, max_depth: int, error: UnicodeDecodeError) -> ParsedRequest:
    """A body that is no UTF-8 but for halves of surrogate pairs. Raises InvalidRequest for any other."""
    try:
        whole = mended_utf8(body)
    except UnicodeDecodeError:
        raise InvalidRequest(f"The request body is not UTF-8: {error}.", code="invalid_json") from None
    return _told_of_mending(parse_request(whole, max_depth=max_depth), whole)


def _told_of_mending(parsed: ParsedRequest, whole: bytes) -> ParsedRequest:
    return msgspec.structs.replace(parsed, mended=_mended_fields(whole))


def _mended_fields(whole: bytes) -> tuple[str, ...]:
    """The fields in which U+FFFD stands for a half."""
    fields = decode_as(dict[str, Raw], whole)
    return tuple(name for name, raw in fields.items() if any(lost in bytes(raw) + name.encode() for lost in _LOST))


def mend(body: bytes) -> tuple[bytes, tuple[str, ...]]:
    """A body on one line without halves of surrogate pairs, and the names of the fields in which U+FFFD stands for one.

    For whoever has to look at a body before it is parsed as a request. Raises InvalidRequest for what is no object.
    """
    whole = mended(body)
    return on_one_line(whole), () if whole == body else _mended_fields(whole)


# U+FFFD, as it is and as an escape
_LOST = (b"\xef\xbf\xbd", rb"\ufffd")


def _parse_carefully(body: bytes, max_depth: int) -> ParsedRequest:
    """What one look could not read: it has fields that nobody knows, or something is wrong with it."""
    fields = decode_as(dict[str, Raw], body)
    # The input is by far the longest field: what else there is can be looked at twice where that is left out.
    input_ = fields.pop("input", NULL)
    rest = msgspec.json.encode(fields)
    check_depth(rest, max_depth)
    params = decode_as(ResponsesRequest, rest)
    return _with_input(params, {name: fields[name] for name in fields if name not in _KNOWN}, input_, max_depth)


def _with_input(params: ResponsesRequest, unknown: dict[str, Raw], input_: Raw, max_depth: int) -> ParsedRequest:
    params.input = input_
    items = _read_input(input_)
    _check_input_depth(input_, items, max_depth - 1)
    return ParsedRequest(params, unknown, items)


def _check_input_depth(raw: Raw, items: Sequence[Item | Raw], limit: int) -> None:
    if not is_list(raw):
        check_depth(raw, limit)
    for item in items:
        if type(item) is Raw:
            check_depth(item, limit - 1)
        elif not item.is_read and (unread := item.unread) is not None:
            check_depth(unread, limit - 2)


def _read_input(raw: Raw) -> Sequence[Item | Raw]:
    return read_items(raw) if is_list(raw) else ()


class _KnownOnly(ResponsesRequest, forbid_unknown_fields=True):
    pass


_KNOWN = frozenset(ResponsesRequest.__struct_fields__)
_KNOWN_ONLY = msgspec.json.Decoder(_KnownOnly)


def parse_defaults(defaults: Mapping[str, Any]) -> ResponsesRequest:
    """Parameters that stand in for those a request leaves open. Raises InvalidRequest."""
    parsed = parse_request(msgspec.json.encode(defaults))
    for name in (*parsed.unknown, *(_NO_DEFAULTS & defaults.keys())):
        raise InvalidRequest(f"'{name}' is no parameter that can have a default.", param=name)
    return parsed.params


_NO_DEFAULTS = frozenset({"model", "input", "stream", "previous_response_id", "conversation", "background", "prompt"})
