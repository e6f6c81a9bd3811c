"""`learn(error, request, dialect)`: what an upstream's refusal teaches about it, as a changed fact.

A lesson is drawn only from a refusal that names something which the request had and the dialect can do without. It is
`certain` where that thing itself is what the refusal is about: not a word of a schema, a name of a tool or a quotation
of the request, all of which a client chooses. Any other is good for the request that was refused, and for none else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from translators.dialects import Dialect
from translators.dialects.dialect import EFFORTS, FIELDS_OF_CONTROL, LOGPROBS
from translators.errors import UpstreamError
from translators.recovery.refused_subject import is_about
from translators.schema import chat

_STATUSES = (400, 422)
_REFUSAL = re.compile(
    r"unsupported|not (?:be )?supported|does ?n[o']t support|unrecogni[sz]ed|unknown|unexpected|extra_forbidden"
    r"|extra inputs|not permitted|cannot find field|not allowed|not available"  # not `invalid`: that is a value
    r"|input should be '",  # a word that is none of those listed (fixtures/vllm-bad-effort)
    re.IGNORECASE,
)
_MISSING_REASONING = re.compile(r"reasoning_content.*(?:must be passed back|is missing)", re.IGNORECASE | re.DOTALL)
_LATE_SYSTEM = re.compile(r"system message must be at the beginning|only one system message", re.IGNORECASE)
_ALTERNATE = re.compile(r"roles must alternate|alternate between user and assistant", re.IGNORECASE)
_LOWER_RUNG = {"json_schema": "json_object", "json_object_schema": "json_object", "json_object": "prompt"}
_LENGTHS = ("max_tokens", "max_completion_tokens")


class Lesson(Struct, frozen=True):
    """`about` is what the upstream refused; `certain` whether other requests may go by it, once this one succeeds.

    `before` is the dialect of the request that was refused, and `dialect` the one to ask in instead.
    """

    about: str
    before: Dialect
    dialect: Dialect
    certain: bool

    def taught(self, dialect: Dialect) -> Dialect:
        """`dialect` with what is new in this lesson, beside what it has learned from others."""
        changed = {
            name: _merged(before, after, getattr(dialect, name))
            for name in Dialect.__struct_fields__
            if (before := getattr(self.before, name)) != (after := getattr(self.dialect, name))
        }
        return msgspec.structs.replace(dialect, **changed)


def _merged(before: Any, after: Any, now: Any) -> Any:
    """A fact that has gone from `before` to `after` in one dialect, in another where it is `now`."""
    if type(after) not in (frozenset, tuple) or not set(after) <= set(before):
        return after
    left_out = set(before) - set(after)
    return type(after)(each for each in now if each not in left_out)


def learn(error: UpstreamError, request: chat.ChatRequest, dialect: Dialect) -> Lesson | None:
    """None where the refusal teaches nothing."""
    if error.status not in _STATUSES or error.code == "context_length_exceeded":
        return None
    for about, facts in _lessons(error, request, dialect):
        learned = msgspec.structs.replace(dialect, **facts)
        if learned != dialect:
            return Lesson(about, dialect, learned, certain=is_about(about, error, request))
    return None


def _lessons(error: UpstreamError, request: chat.ChatRequest, dialect: Dialect) -> Iterator[tuple[str, dict[str, Any]]]:
    text = f"{error.message} {error.param or ''}"
    if _MISSING_REASONING.search(text):
        filler = dialect.reasoning_filler if dialect.reasoning_filler is not None else ""
        yield "messages[].reasoning_content", {"reasoning_replay": "all", "reasoning_filler": filler}
    if _LATE_SYSTEM.search(text):
        yield "messages[].role", {"system_placement": "leading"}
    if _ALTERNATE.search(text):
        yield "messages[].role", {"alternate_roles": True}
    if not _REFUSAL.search(text):
        return
    for field in _named_fields(text, error.param, request):
        facts = _without_field(field, text, request, dialect)
        if facts:
            yield field, facts
    for about, (word, facts) in _WORDS.items():
        if re.search(word, text, re.IGNORECASE):
            yield about, facts


def _named_fields(text: str, param: str | None, request: chat.ChatRequest) -> list[str]:
    """The optional fields of the request that the refusal names, the one it points at first."""
    sent = [
        name
        for name in request.__struct_fields__
        if name not in ("model", "messages", "stream") and getattr(request, name) is not UNSET
    ]
    named = [name for name in sent if re.search(rf"(?<![\w]){name}(?![\w])", text)]
    return sorted(named, key=lambda name: (param is None or name not in param, text.find(name)))


def _without_field(field: str, text: str, request: chat.ChatRequest, dialect: Dialect) -> dict[str, Any]:
    if field in _LENGTHS:
        other = _LENGTHS[1 - _LENGTHS.index(field)]
        return {"max_tokens_field": other, "always_max_tokens": None}
    if field in dialect.params:
        return {"params": dialect.params - (LOGPROBS if field in LOGPROBS else {field})}
    special = _FIELDS.get(field)
    if special is not None:
        return special(text, request, dialect)
    controls = tuple(control for control in dialect.reasoning_controls if field not in FIELDS_OF_CONTROL[control])
    return {"reasoning_controls": controls}


def _without_effort(text: str, request: chat.ChatRequest, dialect: Dialect) -> dict[str, Any]:
    """A refusal that names other levels refuses a level, not the field."""
    refused = request.reasoning_effort
    levels = tuple(
        level
        for level in EFFORTS
        if level != refused and re.search(rf"(?<![\w-]){level}(?![\w-])", text.replace(f"'{refused}'", ""))
    )
    if levels:
        return {"efforts": levels, "effort_names": {}}
    return {"reasoning_controls": tuple(control for control in dialect.reasoning_controls if control != "effort")}


def _without_choice(text: str, request: chat.ChatRequest, dialect: Dialect) -> dict[str, Any]:
    choice = request.tool_choice
    form = choice if isinstance(choice, str) else "named"
    return {"tool_choice": dialect.tool_choice - {"required" if form == dialect.required_word else form}}


def _without_format(text: str, request: chat.ChatRequest, dialect: Dialect) -> dict[str, Any]:
    asked = request.response_format.type if request.response_format is not UNSET else ""
    if asked == "json_object" and dialect.structured != "json_object":
        return {"json_object": False}
    return {"structured": _LOWER_RUNG.get(dialect.structured, "prompt")}


_FIELDS: dict[str, Callable[[str, chat.ChatRequest, Dialect], dict[str, Any]]] = {
    "reasoning_effort": _without_effort,
    "tool_choice": _without_choice,
    "response_format": _without_format,
    "stream_options": lambda text, request, dialect: {"stream_usage": "implicit"},
    "parallel_tool_calls": lambda text, request, dialect: {"parallel_tool_calls": "never"},
    "tools": lambda text, request, dialect: {"strict_tools": False} if "strict" in text else {},
}
# What stands within messages and tools, by what is told of it.
_WORDS: dict[str, tuple[str, dict[str, Any]]] = {
    "messages[].role": (r"\bdeveloper\b", {"developer_role": False}),
    "messages[].reasoning_content": (
        r"\breasoning_content\b|\breasoning_details\b|messages.*\breasoning\b",
        {"reasoning_replay": "never"},
    ),
    "messages[].tool_calls[].extra_content": (r"\bextra_content\b", {"tool_extra": False}),
    "messages[].content[].file": (r"\b(?:part|content|tag|type)\b[^.]{0,40}\bfile\b", {"files": frozenset()}),
    "tools[].function.strict": (r"\bstrict\b", {"strict_tools": False}),
}
