"""More functions than an upstream takes: those of a namespace, or the last ones, stand behind one function (`fold`).

OpenAI takes 128, xAI 200; clients with many servers of tools have more (router-for-me/CLIProxyAPI#5214).

The same tools are always folded the same way, so that histories and prefix caches stay valid.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import UNSET, Raw, Struct

from translators.decode import compact
from translators.report import Report
from translators.schema import chat
from translators.tools.map import ToolMap

TOOL = "tool"
ARGUMENTS = "arguments"
REST = "more_tools"
_UNFIT = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST = 56


class DispatchedCall(Struct):
    """The arguments of a function that stands for others."""

    tool: str
    arguments: Raw = Raw(b"{}")


def fold(
    offered: Sequence[chat.FunctionTool], limit: int, tools: ToolMap, report: Report
) -> tuple[list[chat.FunctionTool], dict[str, str]]:
    """Returns at most `limit` functions, and by the name of each that is none of them the one that stands for it."""
    groups: dict[str, list[chat.FunctionTool]] = {}
    for tool in offered:
        namespace = tools.client_name(tool.function.name).namespace
        if namespace is not None:
            groups.setdefault(namespace, []).append(tool)
    behind: dict[str, str] = {}
    used = {tool.function.name for tool in offered}
    standing: dict[str, list[chat.FunctionTool]] = {}
    count = len(offered)
    for namespace, members in sorted(groups.items(), key=lambda group: -len(group[1])):
        if count <= limit or len(members) == 1:
            break
        count -= len(members) - 1
        _stand_for(members, namespace, used, behind, standing)
    alone = [tool for tool in offered if tool.function.name not in behind]
    if count > limit:
        kept = limit - len(standing) - 1
        if kept < 0:  # not even one for each namespace: one for all
            kept, alone = limit - 1, list(offered)
            behind.clear()
            standing.clear()
        _stand_for(alone[kept:], REST, used, behind, standing)
        alone = alone[:kept]
    report.emulated("tools", f"the upstream takes {limit}: {len(behind)} stand behind {len(standing)} functions")
    return [*alone, *(_dispatcher(name, members) for name, members in standing.items())], behind


def _stand_for(
    members: list[chat.FunctionTool],
    wanted: str,
    used: set[str],
    behind: dict[str, str],
    standing: dict[str, list[chat.FunctionTool]],
) -> None:
    name = _UNFIT.sub("_", wanted)[:_LONGEST].rstrip("_") or REST
    while name in used:
        name += "_"
    used.add(name)
    standing[name] = members
    behind |= {member.function.name: name for member in members}


def _dispatcher(name: str, members: list[chat.FunctionTool]) -> chat.FunctionTool:
    said = [f"Calls one of these {len(members)} tools: give its name and an object with its arguments."]
    for member in members:
        function = member.function
        told = "" if function.description is UNSET else f": {function.description}"
        schema = "" if function.parameters is UNSET else f"\n  arguments: {compact(function.parameters)}"
        said.append(f"- {function.name}{told}{schema}")
    names = [member.function.name for member in members]
    parameters = {
        "type": "object",
        "properties": {TOOL: {"type": "string", "enum": names}, ARGUMENTS: {"type": "object"}},
        "required": [TOOL, ARGUMENTS],
    }
    return chat.FunctionTool(chat.Function(name, "\n".join(said), Raw(msgspec.json.encode(parameters))))


def replay_folded(messages: Iterable[chat.Message], behind: Mapping[str, str]) -> None:
    """Makes the calls of a history those that the model would have made."""
    for message in messages:
        if isinstance(message, chat.AssistantMessage):
            for call in message.tool_calls or ():
                call.function = _folded(call.function, behind)
        elif isinstance(message, chat.ToolMessage) and isinstance(message.name, str):
            message.name = behind.get(message.name, message.name)


def _folded(function: chat.FunctionCall, behind: Mapping[str, str]) -> chat.FunctionCall:
    name = behind.get(function.name)
    if name is None:
        return function
    call = DispatchedCall(function.name, Raw(function.arguments.encode()))
    return chat.FunctionCall(name, msgspec.json.encode(call).decode())


def choose_folded(choice: chat.ToolChoice, behind: Mapping[str, str], report: Report) -> chat.ToolChoice:
    """Returns the choice, with the functions that stand for others in place of those that are not offered."""
    if isinstance(choice, chat.AllowedToolsChoice):
        wanted = [each.function.name for each in choice.allowed_tools.tools]
        sent = list(dict.fromkeys(behind.get(name, name) for name in wanted))
        if sent != wanted:
            report.changed("tool_choice", "functions that stand for several tools are allowed with all of them")
        named = [chat.NamedToolChoice(chat.NamedFunction(name)) for name in sent]
        return chat.AllowedToolsChoice(chat.AllowedTools(choice.allowed_tools.mode, named))
    name = behind.get(choice.function.name) if isinstance(choice, chat.NamedToolChoice) else None
    if name is None:
        return choice
    report.changed("tool_choice", f"the function that stands for the tool, '{name}', is chosen")
    return chat.NamedToolChoice(chat.NamedFunction(name))
