"""The tools of a request, type by type: `TOOL_TYPES` and `declare_tools(raws, ...)`."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Raw, Struct

from translators.decode import decode_as, is_null
from translators.dialects import Dialect
from translators.errors import InvalidRequest
from translators.report import Report
from translators.schema import chat
from translators.schema.responses import NULL
from translators.tools.map import ToolMap, ToolName

NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')


class Tool(Struct, kw_only=True):
    """A tool declaration; `declare` offers what stands for it and returns the form to echo."""

    def declare(self, tools: ToolMap, dialect: Dialect, at: str, report: Report) -> Any:
        raise NotImplementedError


class FunctionEcho(Struct, tag_field="type", tag="function"):
    name: str
    description: str | None
    parameters: Raw
    strict: bool | None


class FunctionFields(Struct, kw_only=True):
    name: str
    description: str | None = None
    parameters: Raw = NULL
    strict: bool | None = None


class FunctionTool(Tool):
    """The flat form, or the nested Chat form `{"type": "function", "function": {...}}`."""

    name: str | None = None
    description: str | None = None
    parameters: Raw = NULL
    strict: bool | None = None
    function: FunctionFields | None = None

    def declare(self, tools: ToolMap, dialect: Dialect, at: str, report: Report) -> Any:
        fields: FunctionTool | FunctionFields = self if self.function is None else self.function
        if not fields.name:
            param = f"{at}.name" if self.function is None else f"{at}.function.name"
            raise InvalidRequest(
                f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
            )
        function = chat.Function(
            fields.name,
            UNSET if fields.description is None else fields.description,
            NO_PARAMETERS if is_null(fields.parameters) else _schema(fields.parameters, f"{at}.parameters"),
        )
        if fields.strict is not None:
            if dialect.strict_tools:
                function.strict = fields.strict
            elif fields.strict:
                report.ignored(f"{at}.strict", "the upstream does not enforce strict tools")
        if not tools.offer(function, ToolName(fields.name)):
            report.dropped(at, f"a tool named '{fields.name}' is declared already")
        return FunctionEcho(fields.name, fields.description, fields.parameters, fields.strict)


def _schema(raw: Raw, at: str) -> Raw:
    decode_as(dict[str, Raw], raw, at)
    return raw


TOOL_TYPES: dict[str, type[Tool]] = {"function": FunctionTool}


class _Typed(Struct):
    type: str


def declare_tools(raws: list[Raw], tools: ToolMap, dialect: Dialect, report: Report) -> list[Any]:
    """Offers every tool of the request in `tools` and returns them as the response echoes them.

    A tool of a type that nothing here stands for is reported. Raises InvalidRequest.
    """
    echo: list[Any] = []
    for index, raw in enumerate(raws):
        at = f"tools[{index}]"
        kind = decode_as(_Typed, raw, at).type
        tool_type = TOOL_TYPES.get(kind)
        if tool_type is None:
            report.dropped(at, f"tools of type '{kind}' are not supported")
            echo.append(raw)
        else:
            echo.append(decode_as(tool_type, raw, at).declare(tools, dialect, at, report))
    return echo
