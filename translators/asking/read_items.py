"""Items of `input` and of stored histories out of JSON: `decode_item(raw, at, report)` and `read_items(raw)`.

`read_items` reads the plain ones, which make up nearly all of a long history, many at a time; `decode_item` takes what
is left one by one, and says what is wrong with it. Which types there are is told by the rows of `translators/kinds.py`.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from translators import kinds
from translators.decode import decode_as, is_null
from translators.errors import InvalidRequest
from translators.items.item import Item
from translators.json_slices import SLICE_BYTES, read_array
from translators.report import Report
from translators.schema.responses import NULL

T = TypeVar("T")

# Fields that clients resend from an output item and that mean nothing to a Chat server.
_RESENT = frozenset({"type", "created_by", "caller", "async", "internal_chat_message_metadata_passthrough"})


def decode_item(raw: Raw, at: str, report: Report) -> Item | None:
    """The item at `at`, or None for one of a type nobody knows, which is reported.

    A missing or null `type` means `message`, or `item_reference` where there is an id but no role.
    Raises InvalidRequest.
    """
    fields = decode_as(dict[str, Raw], raw, at)
    name = _type_name(fields, at)
    kind = kinds.KINDS.items.get(name)
    if kind is None:
        if not name:
            raise InvalidRequest(f"Invalid value for '{at}.type': it is empty.", param=f"{at}.type")
        report.dropped(at, f"items of type '{name}' are not known")
        return None
    for field in sorted(fields.keys() - _known_fields(kind.form)):
        report.ignored(f"{at}.{field}", f"not a field of {name} items")
    return decode_as(kind.form, raw, at)


@functools.cache
def _known_fields(form: type[Item]) -> frozenset[str]:
    return _RESENT.union(form.__struct_fields__)


def _type_name(fields: dict[str, Raw], at: str) -> str:
    given = fields.get("type", NULL)
    if not is_null(given):
        return decode_as(str, given, f"{at}.type")
    return "item_reference" if "id" in fields and "role" not in fields else "message"


# --- many at a time ------------------------------------------------------------------------------

# What Codex puts beside its items: nothing is nested deeply in it.
_Passthrough = dict[str, list[str] | str | float | bool | None] | None
_TOGETHER = 64


def _tagged(name: str, kind: type[Item]) -> type[Struct]:
    """A form of `kind` that is told by its type and refuses fields it does not know."""
    passthrough = ("internal_chat_message_metadata_passthrough", _Passthrough, None)
    return msgspec.defstruct(
        kind.__name__, [passthrough], bases=(kind,), tag_field="type", tag=name, forbid_unknown_fields=True
    )


def _list_decoder(form: Any) -> msgspec.json.Decoder[list[Item | Raw]]:
    return msgspec.json.Decoder(list[form])


_TAGGED = {kind.name: _tagged(kind.name, kind.plain) for kind in kinds.KINDS.items.values() if kind.plain is not None}
# A union takes no item without a type; the messages of many clients have none.
_FORMS = (functools.reduce(operator.or_, _TAGGED.values()), _TAGGED["message"])
_LISTS = [_list_decoder(form) for form in _FORMS]
_RAWS = msgspec.json.Decoder(list[Raw])
_ONES: list[msgspec.json.Decoder[Item | Raw]] = [msgspec.json.Decoder(form) for form in _FORMS]


def read_items(raw: Raw) -> list[Item | Raw]:
    """The items of an array, as they are where one step could not read them: rare ones, odd ones and wrong ones.

    What has been read refers to nothing and, but for what is `unread`, is not nested deeply. Reading all in one step
    costs a third of reading one by one; an odd one takes only its neighbours out of that. A long array is read in
    slices.
    """
    try:
        if memoryview(raw).nbytes <= 2 * SLICE_BYTES:
            return _read_slice(raw)
        return [item for items in read_array(raw, _read_slice) for item in items]
    except msgspec.DecodeError:
        return [*decode_as(list[Raw], raw, "input")]  # says what is wrong with it


def _read_slice(raw: bytes | Raw) -> list[Item | Raw]:
    items = _read(raw, _LISTS)
    if items is not None:
        return items
    found: list[Item | Raw] = []
    raws = _RAWS.decode(raw)
    for start in range(0, len(raws), _TOGETHER):
        neighbours = raws[start : start + _TOGETHER]
        items = _read(Raw(b"[" + b",".join(neighbours) + b"]"), _LISTS)
        found += [_read(one, _ONES) or one for one in neighbours] if items is None else items
    return found


def _read(raw: bytes | Raw, decoders: Iterable[msgspec.json.Decoder[T]]) -> T | None:
    """What the first of the decoders that can reads, or None."""
    for decoder in decoders:
        try:
            return decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            continue  # `decode_item` will say what is wrong with it, if anything is
    return None
