"""Items as the JSON that they came in, byte for byte: lists of them taken apart and put together, each under an id.

What a client sent without an id, or with one that other servers would refuse, gets one of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Raw, Struct

from translators import kinds
from translators.decode import is_null, is_string
from translators.history.outline import outline_of
from translators.json_slices import SLICE_BYTES, read_array

# Longer ids, and such with other characters, poison later turns with OpenAI's servers: anomalyco/opencode#44587.
_USABLE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[Raw])


class NewItem(Struct, frozen=True):
    """An item and the id under which it is found."""

    id: str
    json: bytes


def split_items(json: bytes | Raw) -> list[Raw]:
    """Gives the members of a JSON array that was already found to be one."""
    if memoryview(json).nbytes <= 2 * SLICE_BYTES:
        return _ITEMS.decode(json)
    return [item for items in read_array(json, _ITEMS.decode) for item in items]


def split_arrays(arrays: Sequence[bytes]) -> list[Raw]:
    """The members of all, as `join_items` or an encoder wrote them. One decoding costs a tenth of one for each."""
    return split_items(b"[" + b",".join(array[1:-1] for array in arrays if array != b"[]") + b"]")


def split_input(raw: Raw) -> list[Raw]:
    """The items of a request's `input`, where a string stands for a message of the user."""
    if is_null(raw):
        return []
    if is_string(raw):
        return [Raw(b'{"type":"message","role":"user","content":' + bytes(raw) + b"}")]
    return split_items(raw)


def with_id(raw: Raw, new_id: Callable[[str], str]) -> NewItem:
    """An item under its own id, if that can be used, else under the one that `new_id` makes of its kind's prefix."""
    outline = outline_of(raw)
    if outline.id is not None and _USABLE.fullmatch(outline.id):
        return NewItem(outline.id, bytes(raw))
    made = new_id(kinds.KINDS.prefix_of(outline.kind))
    json = bytes(raw)
    if b'"id"' not in json and json.startswith(b'{"'):  # as most clients write what has no id
        return NewItem(made, b'{"id":"' + made.encode() + b'",' + json[1:])
    fields = _FIELDS.decode(raw)
    fields = {"id": Raw(msgspec.json.encode(made)), **{key: fields[key] for key in fields if key != "id"}}
    return NewItem(made, msgspec.json.encode(fields))


def item_id(raw: Raw) -> str:
    """The id of an item; empty where it has none."""
    return outline_of(raw).id or ""


def join_items(items: Sequence[bytes | Raw]) -> bytes:
    """The JSON array of these items, as they are."""
    if len(items) < 2:
        return b"[%b]" % b"".join(items)
    first, *between, last = items
    return b",".join((b"[%b" % first, *between, b"%b]" % last))  # copied once
