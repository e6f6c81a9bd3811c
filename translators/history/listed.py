"""`listed(item)`: an item as OpenAI's lists show it, whatever form it was sent in."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from translators.decode import is_null, is_string
from translators.history.outline import outline_of

_FIELDS = msgspec.json.Decoder(dict[str, Raw])


class _Message(Struct):
    content: Raw = Raw(b"null")


_MESSAGE = msgspec.json.Decoder(_Message)


def listed(raw: Raw) -> Raw:
    """The item with its type, its status, and a message's text as a part. What is listed already stays what it is."""
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
