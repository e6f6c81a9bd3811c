"""Items on their way into the store and out of it: as JSON, byte for byte, each with an id.

What a client sent without an id, or with one that other servers would refuse, gets one of ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from proxy.ids import NewId
from proxy.store.records import NewItem
from translators import kinds
from translators.decode import is_null, is_string
from translators.history.outline import outline_of

# Longer ids, and such with other characters, poison later turns with OpenAI's servers: anomalyco/opencode#44587.
_USABLE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[Raw])


def split_items(json: bytes | Raw) -> list[Raw]:
    """The members of a JSON array that was already found to be one."""
    return _ITEMS.decode(json)


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


def with_id(raw: Raw, new_id: NewId) -> NewItem:
    """An item under its own id, if that can be used, else under a new one."""
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
    return outline_of(raw).id or ""


def join_items(items: Sequence[bytes | Raw]) -> bytes:
    return b"[" + b",".join(items) + b"]"


class _Message(Struct):
    content: Raw = Raw(b"null")


_MESSAGE = msgspec.json.Decoder(_Message)


def listed(raw: Raw) -> Raw:
    """The item as lists show it: with its type, its status, and a message's text as a part."""
    outline = outline_of(raw)
    if outline.kind != "message":
        return raw
    fields = {"type": Raw(b'"message"'), **_FIELDS.decode(raw)}
    fields["type"] = Raw(b'"message"')
    content = _MESSAGE.decode(raw).content
    if is_string(content):
        kind = b"output_text" if outline.role == "assistant" else b"input_text"
        extra = b',"annotations":[]' if outline.role == "assistant" else b""
        fields["content"] = Raw(b'[{"type":"' + kind + b'","text":' + bytes(content) + extra + b"}]")
    if "status" not in fields or is_null(fields["status"]):
        fields["status"] = Raw(b'"completed"')
    return Raw(msgspec.json.encode(fields))
