"""The items of `input` and `output`: `ITEM_TYPES` and `decode_item(raw, at, report)`.

`read_items(raw)` reads the plain ones, which make up nearly all of a long history, many at a time; `decode_item`
takes what is left one by one, and says what is wrong with it.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from translators.decode import decode_as
from translators.errors import InvalidRequest
from translators.items.additional_tools import AdditionalTools
from translators.items.agent_message import AgentMessage
from translators.items.apply_patch_call import ApplyPatchCall, ApplyPatchCallOutput
from translators.items.compaction import Compaction
from translators.items.compaction_trigger import CompactionTrigger
from translators.items.computer_call import ComputerCall, ComputerCallOutput
from translators.items.configuration_update import ConfigurationUpdate
from translators.items.custom_tool_call import CustomToolCall
from translators.items.function_call import FunctionCall
from translators.items.function_call_output import FunctionCallOutput
from translators.items.hosted_calls import (
    CodeInterpreterCall,
    FileSearchCall,
    ImageGenerationCall,
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
    McpListTools,
    Program,
    ProgramOutput,
    WebSearchCall,
)
from translators.items.item import Item
from translators.items.item_reference import ItemReference
from translators.items.local_shell_call import LocalShellCall, LocalShellCallOutput
from translators.items.message import Message, PlainMessage
from translators.items.reasoning import PlainReasoning, ReasoningItem
from translators.items.shell_call import ShellCall, ShellCallOutput
from translators.items.tool_search_call import ToolSearchCall
from translators.items.tool_search_output import ToolSearchOutput
from translators.report import Report

T = TypeVar("T")

ITEM_TYPES: dict[str, type[Item]] = {
    "additional_tools": AdditionalTools,
    "agent_message": AgentMessage,
    "apply_patch_call": ApplyPatchCall,
    "apply_patch_call_output": ApplyPatchCallOutput,
    "code_interpreter_call": CodeInterpreterCall,
    "compaction": Compaction,
    "compaction_summary": Compaction,
    "compaction_trigger": CompactionTrigger,
    "computer_call": ComputerCall,
    "computer_call_output": ComputerCallOutput,
    "configuration_update": ConfigurationUpdate,
    "custom_tool_call": CustomToolCall,
    "custom_tool_call_output": FunctionCallOutput,
    "file_search_call": FileSearchCall,
    "function_call": FunctionCall,
    "function_call_output": FunctionCallOutput,
    "image_generation_call": ImageGenerationCall,
    "item_reference": ItemReference,
    "local_shell_call": LocalShellCall,
    "local_shell_call_output": LocalShellCallOutput,
    "mcp_approval_request": McpApprovalRequest,
    "mcp_approval_response": McpApprovalResponse,
    "mcp_call": McpCall,
    "mcp_list_tools": McpListTools,
    "message": Message,
    "program": Program,
    "program_output": ProgramOutput,
    "reasoning": ReasoningItem,
    "shell_call": ShellCall,
    "shell_call_output": ShellCallOutput,
    "tool_search_call": ToolSearchCall,
    "tool_search_output": ToolSearchOutput,
    "web_search_call": WebSearchCall,
}

# Fields that clients resend from an output item and that mean nothing to a Chat server.
_RESENT = frozenset({"type", "created_by", "caller", "async", "internal_chat_message_metadata_passthrough"})
_KNOWN_FIELDS = {kind: frozenset(kind.__struct_fields__) | _RESENT for kind in ITEM_TYPES.values()}


def decode_item(raw: Raw, at: str, report: Report) -> Item | None:
    """The item at `at`, or None for one of a type nobody knows, which is reported.

    A missing or null `type` means `message`, or `item_reference` where there is an id but no role.
    Raises InvalidRequest.
    """
    fields = decode_as(dict[str, Raw], raw, at)
    name = _type_name(fields, at)
    kind = ITEM_TYPES.get(name)
    if kind is None:
        if not name:
            raise InvalidRequest(f"Invalid value for '{at}.type': it is empty.", param=f"{at}.type")
        report.dropped(at, f"items of type '{name}' are not known")
        return None
    if not fields.keys() <= _KNOWN_FIELDS[kind]:
        for field in sorted(fields.keys() - _KNOWN_FIELDS[kind]):
            report.ignored(f"{at}.{field}", f"not a field of {name} items")
    return decode_as(kind, raw, at)


_NAMES = {msgspec.json.encode(name): name for name in ITEM_TYPES}


def _type_name(fields: dict[str, Raw], at: str) -> str:
    given = bytes(fields.get("type", b"null"))
    if given != b"null":
        return _NAMES.get(given) or decode_as(str, fields["type"], f"{at}.type")
    return "item_reference" if "id" in fields and "role" not in fields else "message"


# --- many at a time ------------------------------------------------------------------------------

_PLAIN_TYPES: dict[str, type[Item]] = {
    "message": PlainMessage,
    "function_call": FunctionCall,
    "function_call_output": FunctionCallOutput,
    "custom_tool_call": CustomToolCall,
    "custom_tool_call_output": FunctionCallOutput,
    "reasoning": PlainReasoning,
}
# What Codex puts beside its items: nothing is nested deeply in it.
_Passthrough = dict[str, list[str] | str | float | bool | None] | None
_TOGETHER = 64


def _tagged(name: str, kind: type[Item]) -> type[Struct]:
    """A form of `kind` that is told by its type and refuses fields it does not know."""
    passthrough = ("internal_chat_message_metadata_passthrough", _Passthrough, None)
    return msgspec.defstruct(
        kind.__name__, [passthrough], bases=(kind,), tag_field="type", tag=name, forbid_unknown_fields=True
    )


def _list_decoder(form: Any) -> msgspec.json.Decoder[list[Item | Raw]]:
    return msgspec.json.Decoder(list[form])


_TAGGED = {name: _tagged(name, kind) for name, kind in _PLAIN_TYPES.items()}
# A union takes no item without a type; the messages of many clients have none.
_FORMS = (functools.reduce(operator.or_, _TAGGED.values()), _TAGGED["message"])
_LISTS = [_list_decoder(form) for form in _FORMS]
_ONES: list[msgspec.json.Decoder[Item | Raw]] = [msgspec.json.Decoder(form) for form in _FORMS]


def read_items(raw: Raw) -> list[Item | Raw]:
    """The items of an array, as they are where one step could not read them: rare ones, odd ones and wrong ones.

    What has been read refers to nothing and, but for what is `unread`, is not nested deeply. Reading all in one step
    costs a third of reading one by one; an odd one takes only its neighbours out of that.
    """
    items = _read(raw, _LISTS)
    if items is not None:
        return items
    found: list[Item | Raw] = []
    raws = decode_as(list[Raw], raw, "input")
    for start in range(0, len(raws), _TOGETHER):
        neighbours = raws[start : start + _TOGETHER]
        items = _read(Raw(b"[" + b",".join(neighbours) + b"]"), _LISTS)
        found += [_read(one, _ONES) or one for one in neighbours] if items is None else items
    return found


def _read(raw: Raw, decoders: Iterable[msgspec.json.Decoder[T]]) -> T | None:
    """What the first of the decoders that can reads, or None."""
    for decoder in decoders:
        try:
            return decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            continue  # `decode_item` will say what is wrong with it, if anything is
    return None
