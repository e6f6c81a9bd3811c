"""`set_format(request, …)`: the wanted format of an answer, by the best means that the upstream has.

json_schema → json_object with the schema in the prompt → a tool that must be called with the answer → the prompt
alone. `AnswerForm` says what that asks of whoever reads the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec
from msgspec import UNSET, Raw, Struct

from translators.asking.schema_check import misfit
from translators.decode import compact, decode_as, is_null
from translators.dialects import Dialect
from translators.dialects.schemas import adapt_schema
from translators.errors import InvalidRequest
from translators.report import Report
from translators.schema import chat
from translators.schema.responses import ResponsesRequest, TextFormat

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
FIT = "Answer with one JSON value that fits this JSON Schema, and with nothing else:\n"
OBJECT = "Answer with one JSON object and with nothing else."


class AnswerForm(Struct, frozen=True):
    """`schema` is what the answer must fit; `tool` the function whose arguments are the answer."""

    schema: Raw | None = None
    tool: str | None = None
    fenced: bool = False  # the model may put a fence of Markdown around it
    refuse: bool = False  # an answer that does not fit is an error

    def misfit(self, text: str) -> str | None:
        """Why `text` is not what was asked for, or None."""
        if self.schema is None:
            return None
        try:
            return misfit(msgspec.json.decode(text), msgspec.json.decode(self.schema))
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return "it is not JSON"


class _Wanted(Struct, frozen=True):
    name: str
    schema: Raw
    strict: bool | None
    description: str | None
    at: str


def set_format(
    request: chat.ChatRequest, params: ResponsesRequest, dialect: Dialect, report: Report
) -> AnswerForm | None:
    """Raises InvalidRequest for a format without its schema."""
    text = params.text
    wanted = None if text is None else text.format or text.response_format
    if text is None or wanted is None or wanted.type == "text":
        return None
    at = "text.format" if text.format is not None else "text.response_format"
    rung = dialect.structured
    if request.tools is not UNSET and not (dialect.structured_with_tools and _leaves_calls(request, dialect)):
        rung = "prompt"
    if wanted.type == "json_object":
        return _set_object(request, dialect.json_object and rung != "prompt", at, report)
    format_ = _read(wanted, at)
    if rung == "tool" and request.tools is not UNSET:
        rung = "prompt"
    _RUNGS[rung](request, format_, dialect, report)
    return AnswerForm(
        format_.schema,
        tool=format_.name if rung == "tool" else None,
        fenced=rung in ("prompt", "json_object"),
        refuse=report.refuses,
    )


def _leaves_calls(request: chat.ChatRequest, dialect: Dialect) -> bool:
    """Whether the model could still call a tool, if it may, where the format is held to."""
    return dialect.calls_beside_format or request.tool_choice == "none"


def _set_object(request: chat.ChatRequest, known: bool, at: str, report: Report) -> AnswerForm | None:
    if known:
        request.response_format = chat.ResponseFormat("json_object")
        return None
    report.emulated(at, "the prompt asks for JSON")
    instruct(request, OBJECT)
    return AnswerForm(Raw(b'{"type":"object"}'), fenced=True, refuse=report.refuses)


def _read(wanted: TextFormat, at: str) -> _Wanted:
    fields = wanted.json_schema or wanted
    if is_null(fields.schema):
        param = f"{at}.json_schema.schema" if wanted.json_schema else f"{at}.schema"
        raise InvalidRequest(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
    where = f"{at}.json_schema.schema" if wanted.json_schema else f"{at}.schema"
    decode_as(dict[str, Raw], fields.schema, where)
    name = fields.name or ""
    return _Wanted(name if _NAME.fullmatch(name) else "response", fields.schema, fields.strict, fields.description, at)


def _adapted(wanted: _Wanted, dialect: Dialect, report: Report) -> Raw:
    schema, lost = adapt_schema(wanted.schema, dialect.schema)
    if lost:
        report.changed(f"{wanted.at}.schema", f"the upstream cannot hold to {', '.join(lost)}")
    return schema


def _as_json_schema(request: chat.ChatRequest, wanted: _Wanted, dialect: Dialect, report: Report) -> None:
    request.response_format = chat.ResponseFormat(
        "json_schema",
        chat.JsonSchema(
            wanted.name if dialect.json_schema_name else UNSET,
            _adapted(wanted, dialect, report),
            UNSET if wanted.strict is None or not dialect.json_schema_name else wanted.strict,
            UNSET if wanted.description is None or not dialect.json_schema_name else wanted.description,
        ),
    )


def _as_object_schema(request: chat.ChatRequest, wanted: _Wanted, dialect: Dialect, report: Report) -> None:
    report.changed(wanted.at, "the schema travels beside json_object")
    request.response_format = chat.ResponseFormat("json_object", schema=_adapted(wanted, dialect, report))


def _as_object(request: chat.ChatRequest, wanted: _Wanted, dialect: Dialect, report: Report) -> None:
    report.emulated(wanted.at, "the upstream holds to JSON, the prompt tells the schema")
    request.response_format = chat.ResponseFormat("json_object")
    _tell_schema(request, wanted)


def _as_prompt(request: chat.ChatRequest, wanted: _Wanted, dialect: Dialect, report: Report) -> None:
    report.emulated(wanted.at, "the prompt tells the schema")
    _tell_schema(request, wanted)


def _as_tool(request: chat.ChatRequest, wanted: _Wanted, dialect: Dialect, report: Report) -> None:
    report.emulated(wanted.at, "a function that must be called takes the answer")
    function = chat.Function(wanted.name, wanted.description or "Give the answer.", _adapted(wanted, dialect, report))
    request.tools = [chat.FunctionTool(function)]
    request.tool_choice = (
        chat.NamedToolChoice(chat.NamedFunction(wanted.name))
        if "named" in dialect.tool_choice
        else dialect.required_word
    )


def _tell_schema(request: chat.ChatRequest, wanted: _Wanted) -> None:
    instruct(request, FIT + compact(wanted.schema))


def instruct(request: chat.ChatRequest, text: str) -> None:
    """Adds to what the model is told first, where it stays as the conversation goes on."""
    first = request.messages[0]
    if isinstance(first, chat.SystemMessage | chat.DeveloperMessage) and isinstance(first.content, str):
        first.content = f"{first.content}\n\n{text}"
    else:
        request.messages.insert(0, chat.SystemMessage(text))


_RUNGS: dict[str, Callable[[chat.ChatRequest, _Wanted, Dialect, Report], None]] = {
    "json_schema": _as_json_schema,
    "json_object_schema": _as_object_schema,
    "json_object": _as_object,
    "tool": _as_tool,
    "prompt": _as_prompt,
}
