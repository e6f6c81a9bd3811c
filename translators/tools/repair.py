"""`repaired(arguments)`: a function's arguments freed from what models put around them; valid JSON never changes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from translators.decode import is_json_object

_FENCE = re.compile(r"```[^\n`{]*\n?(.*?)```", re.DOTALL)
_SPECIAL_TOKEN = re.compile(r"<\|[^|<>]{0,40}\|>")


def repaired(arguments: str) -> str:
    """The one JSON object in `arguments`, or `arguments` as they are where there is none or no certainty."""
    if is_json_object(arguments):
        return arguments
    return next(filter(is_json_object, _candidates(arguments)), arguments)


def _candidates(text: str) -> Iterator[str]:
    if inner := _json_string(text):
        yield inner
    if fenced := _FENCE.search(text):
        yield fenced[1].strip()
    yield _braced(text)
    yield _braced(_SPECIAL_TOKEN.sub('"', text))  # tokens that stood for quotes: {<|"|>a<|"|>:1}
    yield _braced(_SPECIAL_TOKEN.sub("", text))


def _braced(text: str) -> str:
    return text[text.find("{") : text.rfind("}") + 1]


def _json_string(text: str) -> str | None:
    try:
        return msgspec.json.decode(text, type=str)
    except (msgspec.DecodeError, UnicodeError):
        return None
