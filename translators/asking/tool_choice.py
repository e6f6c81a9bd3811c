"""`tool_choice` in every form, as the Chat request says it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import UNSET, Raw, Struct, UnsetType

from translators import kinds
from translators.decode import decode_as, is_null, is_string
from translators.dialects import Dialect
from translators.errors import InvalidRequest, bounded
from translators.report import Report
from translators.schema import chat
from translators.tools.declare import why_not_offered
from translators.tools.map import ToolMap

_MODES = ("none", "auto", "required")


class _Named(Struct, kw_only=True):
    name: str


class ToolChoiceObject(Struct, kw_only=True):
    """Any of the object forms; `function` or `custom` holds the name in the nested Chat form."""

    type: str
    name: str | None = None
    namespace: str | None = None
    function: _Named | None = None
    custom: _Named | None = None
    mode: str | None = None
    tools: list[ToolChoiceObject] | None = None

    @property
    def wanted(self) -> str | None:
        nested = self.function or self.custom
        return self.name if nested is None else nested.name


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
        return _among(*_allowed(choice, tools, report), tools, dialect, report)
    return _in_mode(mode, offered, dialect, report)


def _in_mode(
    mode: str, offered: list[chat.FunctionTool], dialect: Dialect, report: Report
) -> tuple[list[chat.FunctionTool], chat.ToolChoice | UnsetType]:
    if mode == "none" and mode not in dialect.tool_choice:
        return [], UNSET  # what is not offered is not called
    return offered, _by_mode(mode, offered, dialect, report)


def _among(
    allowed: list[str], mode: str, tools: ToolMap, dialect: Dialect, report: Report
) -> tuple[list[chat.FunctionTool], chat.ToolChoice | UnsetType]:
    """A choice among some of what is offered, which is told to the upstream as far as it takes that.

    All is offered nevertheless: so the prompt stays the same from request to request, and with it the upstream's cache.
    A call of anything else never reaches the client (`ToolMap.allows`).
    """
    offered = tools.offered
    if not allowed and mode == "required":
        return _in_mode(mode, [], dialect, report)
    if len(allowed) < len(offered):
        tools.allow_only(allowed)
    if not allowed and mode == "auto":
        return _in_mode("none", offered, dialect, report)
    if dialect.allowed_tools and mode in ("auto", "required"):
        named = [chat.NamedToolChoice(chat.NamedFunction(name)) for name in allowed]
        return offered, chat.AllowedToolsChoice(chat.AllowedTools(mode, named))
    if len(allowed) == len(offered):
        return _in_mode(mode, offered, dialect, report)
    if mode == "required" and len(allowed) == 1 and "named" in dialect.tool_choice:
        report.changed("tool_choice", "the only allowed tool is named")
        return offered, chat.NamedToolChoice(chat.NamedFunction(allowed[0]))
    if mode != "none":
        report.emulated("tool_choice", "all tools are offered, and calls of others than the allowed ones refused here")
    return _in_mode(mode, offered, dialect, report)


def forces_a_call(raw: Raw) -> bool:
    """Whether a choice leaves the model none: any but the modes `none` and `auto`."""
    if is_null(raw):
        return False
    if is_string(raw):
        return bytes(raw) not in (b'"none"', b'"auto"')
    choice = decode_as(ToolChoiceObject, raw, "tool_choice")
    return choice.type != "allowed_tools" or choice.mode == "required"


def _by_mode(
    mode: str, offered: list[chat.FunctionTool], dialect: Dialect, report: Report
) -> chat.ToolChoice | UnsetType:
    if mode not in _MODES:
        raise InvalidRequest(
            f"Invalid value for 'tool_choice': '{bounded(mode)}' is none of {', '.join(_MODES)}.",
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
    if mode == "required" and "named" in dialect.tool_choice and len(offered) == 1:
        report.changed("tool_choice", "the only tool is named, since the upstream takes no 'required'")
        return chat.NamedToolChoice(chat.NamedFunction(offered[0].function.name))
    if mode == "required":
        report.dropped("tool_choice", "the upstream cannot be made to call a tool")
    return UNSET  # `auto` is what they do unasked


def _allowed(choice: ToolChoiceObject, tools: ToolMap, report: Report) -> tuple[list[str], str]:
    """The chat names of the subset in the order of the offer, and the mode of the choice among them."""
    if not choice.tools:
        raise InvalidRequest(
            "Missing required parameter: 'tool_choice.tools'.",
            param="tool_choice.tools",
            code="missing_required_parameter",
        )
    names: set[str] = set()
    namespaces: dict[str | None, set[str]] = {}
    for offered in tools.offered:
        name = offered.function.name
        namespaces.setdefault(tools.client_name(name).namespace, set()).add(name)
    for index, tool in enumerate(choice.tools):
        at = f"tool_choice.tools[{index}]"
        kind = kinds.KINDS.offered_as(tool.type)
        if kind is None:
            report.dropped(at, why_not_offered(tool.type, tools.forms))
        elif kind.chosen_by == "members":
            names |= _members(tool, namespaces, at)
        else:
            names.add(_resolve(tool, tools, at))
    return [tool.function.name for tool in tools.offered if tool.function.name in names], choice.mode or "auto"


def _members(choice: ToolChoiceObject, namespaces: Mapping[str | None, set[str]], at: str) -> set[str]:
    """The chat names of all that is offered in a namespace; `namespaces` has them by its name.

    Raises InvalidRequest where that is nothing.
    """
    found = namespaces.get(choice.wanted)
    if not found:
        raise _not_found(choice, at)
    return found


def _resolve(choice: ToolChoiceObject, tools: ToolMap, at: str) -> str:
    """The chat name of the tool a choice names. Raises InvalidRequest where it is not offered."""
    kind = kinds.KINDS.offered_as(choice.type)
    if kind is None or kind.chosen_by == "members":
        reason = why_not_offered(choice.type, tools.forms) if kind is None else "it stands for several tools"
        raise InvalidRequest(
            f"The tool type '{bounded(choice.type)}' cannot be chosen here: {reason}.",
            param=f"{at}.type",
            code="tool_not_available",
        )
    if kind.chosen_by == "name" and not choice.wanted:
        raise InvalidRequest(
            f"Missing required parameter: '{at}.name'.", param=f"{at}.name", code="missing_required_parameter"
        )
    for candidate in kind.tools_of(choice.type, choice.wanted, choice.namespace):
        if tools.is_offered(candidate):
            return tools.chat_name(candidate.name, candidate.namespace, candidate.kind)
    raise _not_found(choice, at)


def _not_found(choice: ToolChoiceObject, at: str) -> InvalidRequest:
    field = "name" if choice.wanted else "type"
    return InvalidRequest(
        f"Tool choice '{bounded(choice.wanted or choice.type)}' not found in 'tools'.",
        param=f"{at}.{field}",
        code="invalid_value",
    )


def _one(
    name: str, tools: ToolMap, dialect: Dialect, report: Report
) -> tuple[list[chat.FunctionTool], chat.ToolChoice | UnsetType]:
    if "named" in dialect.tool_choice:
        return tools.offered, chat.NamedToolChoice(chat.NamedFunction(name))
    # Unlike a subset, one name is a demand for this one call: a model that is offered more may choose another as often
    # as it is asked, and a response without the call is worth nothing. It costs the upstream's cache for one request.
    report.emulated("tool_choice", "the upstream takes no named function: only that one is offered")
    only = [tool for tool in tools.offered if tool.function.name == name]
    return only, _by_mode("required", only, dialect, report)
