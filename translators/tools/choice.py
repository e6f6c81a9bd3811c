"""`tool_choice` in every form, as the Chat request says it."""

from __future__ import annotations

from msgspec import UNSET, Raw, Struct, UnsetType

from translators.decode import decode_as, is_null, is_string
from translators.dialects import Dialect
from translators.errors import InvalidRequest
from translators.report import Report
from translators.schema import chat
from translators.tools.map import ToolMap

_MODES = ("none", "auto", "required")


class _Named(Struct, kw_only=True):
    name: str


class ToolChoiceObject(Struct, kw_only=True):
    """Any of the object forms; `function` holds the name in the nested Chat form."""

    type: str
    name: str | None = None
    namespace: str | None = None
    function: _Named | None = None
    mode: str | None = None
    tools: list[ToolChoiceObject] | None = None

    @property
    def wanted(self) -> str | None:
        return self.name if self.function is None else self.function.name


def apply_tool_choice(
    raw: Raw, tools: ToolMap, dialect: Dialect, report: Report
) -> tuple[list[chat.FunctionTool], chat.ToolChoice | UnsetType]:
    """The functions to send and the choice among them. Raises InvalidRequest for a choice nobody can make."""
    offered = tools.offered
    if is_null(raw):
        return offered, UNSET
    if is_string(raw):
        mode = decode_as(str, raw, "tool_choice")
    else:
        choice = decode_as(ToolChoiceObject, raw, "tool_choice")
        if choice.type != "allowed_tools":
            return _one(_resolve(choice, tools, "tool_choice"), tools, dialect, report)
        offered, mode = _allowed(choice, tools)
    if mode == "none" and mode not in dialect.tool_choice:
        return [], UNSET  # what is not offered is not called
    return offered, _by_mode(mode, offered, dialect, report)


def _by_mode(
    mode: str, offered: list[chat.FunctionTool], dialect: Dialect, report: Report
) -> chat.ToolChoice | UnsetType:
    if mode not in _MODES:
        raise InvalidRequest(
            f"Invalid value for 'tool_choice': '{mode}' is none of {', '.join(_MODES)}.",
            param="tool_choice",
            code="invalid_value",
        )
    if not offered:
        if mode == "required":
            raise InvalidRequest(
                "'tool_choice' requires a tool, but no usable tool is given in 'tools'.",
                param="tool_choice",
                code="invalid_value",
            )
        return UNSET  # servers refuse a choice without tools
    if mode in dialect.tool_choice:
        return dialect.required_word if mode == "required" else mode
    if mode == "required":
        report.dropped("tool_choice", "the upstream cannot be made to call a tool")
    return UNSET  # `auto` is what they do unasked


def _allowed(choice: ToolChoiceObject, tools: ToolMap) -> tuple[list[chat.FunctionTool], str]:
    """The subset is enforced by offering nothing else."""
    if not choice.tools:
        raise InvalidRequest(
            "Missing required parameter: 'tool_choice.tools'.",
            param="tool_choice.tools",
            code="missing_required_parameter",
        )
    names = {_resolve(tool, tools, f"tool_choice.tools[{index}]") for index, tool in enumerate(choice.tools)}
    return [tool for tool in tools.offered if tool.function.name in names], choice.mode or "auto"


def _resolve(choice: ToolChoiceObject, tools: ToolMap, at: str) -> str:
    """The chat name of the tool a choice names. Raises InvalidRequest where it is not offered."""
    if choice.type != "function":
        raise InvalidRequest(
            f"The tool type '{choice.type}' cannot be chosen here.", param=f"{at}.type", code="unsupported_value"
        )
    if not choice.wanted:
        raise InvalidRequest(
            f"Missing required parameter: '{at}.name'.", param=f"{at}.name", code="missing_required_parameter"
        )
    name = tools.chat_name(choice.wanted, choice.namespace)
    if all(tool.function.name != name for tool in tools.offered):
        raise InvalidRequest(
            f"Tool choice '{choice.wanted}' not found in 'tools'.", param=f"{at}.name", code="invalid_value"
        )
    return name


def _one(
    name: str, tools: ToolMap, dialect: Dialect, report: Report
) -> tuple[list[chat.FunctionTool], chat.ToolChoice | UnsetType]:
    if "named" in dialect.tool_choice:
        return tools.offered, chat.NamedToolChoice(chat.NamedFunction(name))
    report.emulated("tool_choice", "the upstream takes no named function: only that one is offered")
    only = [tool for tool in tools.offered if tool.function.name == name]
    return only, _by_mode("required", only, dialect, report)
