"""The tools of a request, type by type: `TOOL_TYPES`, `declare_tools` and what can be said of declarations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Raw, Struct

from translators.decode import decode_as
from translators.tools.apply_patch import ApplyPatchTool
from translators.tools.computer import ComputerPreviewTool, ComputerTool
from translators.tools.custom import CustomTool
from translators.tools.function import FunctionTool
from translators.tools.hosted import why_not_offered
from translators.tools.local_shell import LocalShellTool
from translators.tools.map import ToolName
from translators.tools.namespace import SEPARATOR, NamespaceTool
from translators.tools.shell import ShellTool
from translators.tools.tool import Offering, Tool, type_of
from translators.tools.tool_search import ToolSearchTool

TOOL_TYPES: dict[str, type[Tool]] = {
    "apply_patch": ApplyPatchTool,
    "computer": ComputerTool,
    "computer_use": ComputerTool,
    "computer_use_preview": ComputerPreviewTool,
    "custom": CustomTool,
    "function": FunctionTool,
    "local_shell": LocalShellTool,
    "namespace": NamespaceTool,
    "shell": ShellTool,
    "tool_search": ToolSearchTool,
}


def declare_tools(raws: Sequence[Raw], into: Offering, at: str = "tools") -> list[Any]:
    """Offers every tool and returns the tools as the response echoes them. Raises InvalidRequest.

    A tool of a type that nothing here stands for is reported, or refused where drops are.
    """
    return [_declare(raw, into, f"{at}[{index}]") for index, raw in enumerate(raws)]


def has_client_search(raws: Iterable[Raw], at: str) -> bool:
    """Whether a client offers to search: only then can a deferred tool be found later."""
    for index, raw in enumerate(raws):
        where = f"{at}[{index}]"
        if type_of(raw, where) == "tool_search" and decode_as(ToolSearchTool, raw, where).by_client:
            return True
    return False


class _Outline(Struct):
    """What a tool is called, and the tools under its name."""

    type: str
    name: str | None = None
    tools: list[_Outline] | None = None


def tool_names(raws: Sequence[Raw], at: str) -> list[ToolName]:
    """The tools that declarations stand for, in their order."""
    outlines = [decode_as(_Outline, raw, f"{at}[{index}]") for index, raw in enumerate(raws)]
    return [tool for outline in outlines for tool in _named(outline, None)]


def _named(outline: _Outline, namespace: str | None) -> list[ToolName]:
    if outline.type != "namespace":
        return [ToolName(outline.name or outline.type, namespace, outline.type)]
    full = f"{namespace}{SEPARATOR}{outline.name}" if namespace else outline.name
    return [tool for member in outline.tools or () for tool in _named(member, full)]


def _declare(raw: Raw, into: Offering, at: str) -> Any:
    kind = type_of(raw, at)
    tool_type = TOOL_TYPES.get(kind)
    if tool_type is None:
        into.report.dropped(at, why_not_offered(kind))
        return raw
    echo = decode_as(tool_type, raw, at).declare(into, at)
    return echo if tool_type is FunctionTool else raw
