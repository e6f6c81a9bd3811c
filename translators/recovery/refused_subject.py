"""`is_about(thing, error, request)`: whether a refusal is about that very thing, by the words of the backend alone.

Backends quote what they were sent. So a name counts only where the refusal is said of it (`'seed' is not supported`,
`Unknown parameter: seed`, `body.seed: Extra inputs are not permitted`), deeper paths are about something else
(`response_format.json_schema.schema.oneOf`), and words that the request itself holds are no words of the backend.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET

from translators.errors import UpstreamError
from translators.schema import chat

# Codes that say of `param` that it is not known or not served, and not of its value.
_CODES = frozenset({"unsupported_parameter", "unknown_parameter", "unrecognized_argument", "extra_forbidden"})
_REFUSED = (
    r"(?:(?:is|are|was)\s+|:\s*)?(?:currently\s+)?(?:not\s+(?:be\s+)?(?:yet\s+)?(?:supported|permitted|allowed|available"
    r"|recogni[sz]ed)|unsupported|unrecogni[sz]ed|unknown|unavailable|unexpected"
    r"|extra\s+(?:inputs|fields)\s+(?:are\s+)?not\s+permitted|does\s?n[o']t\s+support|does\s+not\s+support)"
)
_REFUSES = (
    r"(?:unsupported|unknown|unrecogni[sz]ed|unexpected|not\s+(?:supported|permitted|allowed)|extra"
    r"|do(?:es)?\s?n[o']t\s+support|do(?:es)?\s+not\s+(?:yet\s+)?support)\s+(?:the\s+)?(?:request\s+|body\s+)?"
    r"(?:parameter|argument|field|name|key|value|input|role)?(?:s|\(s\))?(?:\s+in\s+the\s+request)?"
    r"(?:\s+(?:supplied|provided|received|found))?\s*[:=]?\s*[\[{(]?\s*(?:['\"`]?\w{1,64}['\"`]?,\s*){0,20}"
)
_OF_VALUE = (
    r"(?:\s+(?:parameter|argument|field|option))?(?:\s+(?:of\s+)?(?:type\s+|value\s+)?['\"`][\w-]{1,40}['\"`]|\s+type)?"
)
# The words that stand for a thing within messages and tools, each with what has to stand around it.
_INNER = {
    "messages[].role": r"(?:\brole\b.{0,60}\bdeveloper\b|\bdeveloper\b.{0,30}\b(?:role|message)s?\b)",
    "messages[].content[].file": r"\b(?:part|content|tag|type)\b(?:[^.]|\[\]\.){0,40}\bfile\b",
}
_SPECIAL = re.compile(
    r"reasoning_content.*(?:must be passed back|is missing)|system message must be at the beginning"
    r"|only one system message|roles must alternate|alternate between user and assistant",
    re.IGNORECASE | re.DOTALL,
)
_TOP_PATH = r"(?:(?:body|request)[.:]\s?)?"
_INNER_PATH = r"(?:(?:body|request|messages|tools|function|tool_calls)(?:\[\d{0,6}\])?[.:](?:\d{1,6}[.:])?\s?){0,6}"
# What pydantic repeats of a request (`'input': …`), and quotations: more than a name.
_ECHO = re.compile(r"'input':\s*(?:'[^']*'|\"[^\"]*\"|[^,}]*)")
_QUOTATION = re.compile(
    r"'[^'\n]*[^'\w.\[\]\n-][^'\n]*'|\"[^\"\n]*[^\"\w.\[\]\n-][^\"\n]*\"|`[^`\n]*[^`\w.\[\]\n-][^`\n]*`"
)
_NO_LETTER = re.compile(r"[^a-z0-9]+")
_MAX_DEPTH = 40
_MAX_COMPARED = 1 << 20  # bytes of a request: a lesson is not worth more, and will be told again by a shorter one


def is_about(thing: str, error: UpstreamError, request: chat.ChatRequest) -> bool:
    """`thing` is a field of the request, or the place of one within messages or tools, as lessons tell of it."""
    field = thing.rpartition(".")[2].rpartition("]")[2] or thing
    if thing in request.__struct_fields__ and _param_says_so(thing, error):
        return True
    body = msgspec.json.encode(request)
    if len(body) > _MAX_COMPARED or field in _own_names(request):
        return False
    said = _ECHO.sub(" ", error.message)
    bare = _QUOTATION.sub(" ", said)
    found = _located(field).search(said) or _subject(thing, field).search(bare)
    if found is None and thing.startswith("messages[]"):
        found = _SPECIAL.search(bare)
    return found is not None and _letters(found[0]) not in _letters(body.decode())


def _param_says_so(field: str, error: UpstreamError) -> bool:
    path = (error.param or "").removeprefix("$.").removeprefix("body.")
    return path == field and (error.code or "").lower() in _CODES


@lru_cache(maxsize=256)
def _subject(thing: str, field: str) -> re.Pattern[str]:
    if thing in _INNER:
        return re.compile(_INNER[thing], re.IGNORECASE | re.DOTALL)
    path = _INNER_PATH if "[]" in thing else _TOP_PATH
    name = rf"['\"`]?(?<![\w.\]]){path}{re.escape(field)}['\"`]?(?![\w\[]|\.\w)"
    return re.compile(rf"{_REFUSES}{name}|{name}{_OF_VALUE}\s*{_REFUSED}", re.IGNORECASE)


@lru_cache(maxsize=256)
def _located(field: str) -> re.Pattern[str]:
    """As pydantic names the place of what it does not take."""
    return re.compile(rf"'loc': [(\[]?'body(?:\.|', '){re.escape(field)}'")


def _letters(text: str) -> str:
    """What is left of a text however it was quoted, escaped or wrapped."""
    return _NO_LETTER.sub("", text.lower())


def _own_names(request: chat.ChatRequest) -> frozenset[str]:
    """The names that the client has made up: of tools, and within their schemas and that of the answer."""
    told = [part for part in (request.tools, request.response_format) if part is not UNSET]
    schemas = msgspec.json.decode(msgspec.json.encode(told))
    return frozenset(_names(schemas, 0))


def _names(value: Any, depth: int) -> Iterator[str]:
    """Values of `name` and `enum`, keys of `properties` and texts of `required`, wherever they stand."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        for key, member in value.items():
            if key in ("name", "title") and isinstance(member, str):
                yield member
            elif key in ("properties", "$defs", "definitions") and isinstance(member, dict):
                yield from member
            elif key in ("enum", "required") and isinstance(member, list):
                yield from (text for text in member if isinstance(text, str))
            yield from _names(member, depth + 1)
    elif isinstance(value, list):
        for member in value:
            yield from _names(member, depth + 1)
