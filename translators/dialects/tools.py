"""`fit_tools(request, …)`: the offered functions and their choice, as a dialect takes them."""

from __future__ import annotations

from msgspec import UNSET

from translators.dialects.dialect import Dialect
from translators.dialects.schemas import adapt_schema
from translators.report import Report
from translators.schema import chat


def fit_tools(offered: list[chat.FunctionTool], dialect: Dialect, report: Report) -> list[chat.FunctionTool]:
    """Returns the functions, copied where something differs, since the map of tools keeps its own."""
    if not offered:
        return offered
    if not dialect.tools:
        report.dropped("tools", "the upstream takes no tools")
        return []
    if dialect.schema:
        offered = [_with_schema(tool, dialect, report) for tool in offered]
    if not dialect.mixed_strict and len({tool.function.strict is True for tool in offered}) > 1:
        report.ignored("tools", "not all of them are strict, and the upstream takes all or none")
        offered = [chat.FunctionTool(_copy(tool.function, strict=UNSET)) for tool in offered]
    return offered


def _with_schema(tool: chat.FunctionTool, dialect: Dialect, report: Report) -> chat.FunctionTool:
    function = tool.function
    if function.parameters is UNSET:
        return tool
    parameters, lost = adapt_schema(function.parameters, dialect.schema)
    if lost:
        report.changed(f"tools.{function.name}", f"its description says what the schema cannot: {', '.join(lost)}")
    return chat.FunctionTool(_copy(function, parameters=parameters))


def _copy(function: chat.Function, **changes: object) -> chat.Function:
    fields = {name: getattr(function, name) for name in function.__struct_fields__}
    return chat.Function(**{**fields, **changes})
