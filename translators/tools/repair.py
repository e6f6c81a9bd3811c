"""A function's arguments, freed from what models put around them (`repaired`), or made fit to be sent (`as_object`).

Valid JSON never changes. Fences, prose and leaked tokens around arguments are from openai/codex#29549 and
NousResearch/hermes-agent#79333, calls that break a thread for ever from ggml-org/llama.cpp#22948.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from translators.decode import is_json_object
from translators.surrogates import mended
from translators.tools.cut import closed

_FENCE = re.compile(r"```[^\n`{]*\n?(.*?)```", re.DOTALL)
_SPECIAL_TOKEN = re.compile(r"<\|[^|<>]{0,40}\|>")


def repaired(arguments: str) -> str:
    """Returns the one JSON object in `arguments`, or `arguments` as they are where there is none or no certainty."""
    if is_json_object(arguments):
        return arguments
    return next(filter(is_json_object, _candidates(arguments)), arguments)


# The key under which a call replays arguments that no object can be made of.
RAW_ARGUMENTS = "arguments"


def as_object(arguments: str) -> tuple[str, str | None]:
    """Returns arguments as one JSON object, as the upstream of a replayed call reads them, and what was done for that.

    That is None where nothing was. Servers that cannot read them refuse every request of such a thread from then on.
    """
    if is_json_object(arguments):
        return arguments, None
    if not arguments.strip():
        return "{}", None
    paired = mended(arguments.encode()).decode()
    if is_json_object(paired):
        return paired, "half of a surrogate pair in it became U+FFFD"
    found = repaired(paired)
    if found != paired:
        return found, "its arguments were freed from what stood around them"
    ended = closed(paired)
    if ended is not None:
        return ended, "its arguments broke off and were closed"
    raw = msgspec.json.encode({RAW_ARGUMENTS: arguments}).decode()
    return raw, f"its arguments are no JSON object and stand under '{RAW_ARGUMENTS}'"


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
