"""The grammar of a Responses stream as data: which events each item type has and what its object must hold.

A new item type is one entry of `ITEM_KINDS`. Facts from OpenAI's published event and item schemas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import Any

Json = dict[str, Any]
Fields = Mapping[str, tuple[type, ...]]

TEXT = (str,)
WHOLE = (int,)
NUMBER = (int, float)
LIST = (list,)
OBJECT = (dict,)
FLAG = (bool,)
TEXT_OR_NULL = (str, NoneType)
WHOLE_OR_NULL = (int, NoneType)
OBJECT_OR_NULL = (dict, NoneType)


@dataclass(frozen=True, eq=False)
class Run:
    """One text: `{event}.delta` any number of times, then `{event}.done` once, with the whole under `key`."""

    event: str
    key: str
    delta_fields: Fields = field(default_factory=dict)
    done_fields: Fields = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Parts:
    """A list of parts inside an item: `{event}.added`, the run of the part's type, `{event}.done`."""

    event: str
    index: str
    key: str
    runs: Mapping[str, Run]


@dataclass(frozen=True, eq=False)
class ItemKind:
    """What one item type holds (`fields`) and says between its added and its done event.

    `steps` are events that carry only the item's place, in order, each with its alternatives. `can_be_cut`: clients
    run the item at `output_item.done`, so a truncated one gets no done event and stands in the output as incomplete.
    `commands`: it says each of its `action.commands` by added, delta and done, without an item_id.
    """

    fields: Fields
    runs: tuple[Run, ...] = ()
    parts: tuple[Parts, ...] = ()
    steps: tuple[tuple[str, ...], ...] = ()
    can_be_cut: bool = False
    commands: bool = False


OUTPUT_TEXT = Run("response.output_text", "text", {"logprobs": LIST}, {"logprobs": LIST})
REFUSAL = Run("response.refusal", "refusal")
REASONING_TEXT = Run("response.reasoning_text", "text")
SUMMARY_TEXT = Run("response.reasoning_summary_text", "text")
FUNCTION_ARGUMENTS = Run("response.function_call_arguments", "arguments", {}, {"name": TEXT})
CUSTOM_INPUT = Run("response.custom_tool_call_input", "input")
MCP_ARGUMENTS = Run("response.mcp_call_arguments", "arguments")
INTERPRETER_CODE = Run("response.code_interpreter_call_code", "code")

MESSAGE_CONTENT = Parts(
    "response.content_part", "content_index", "content", {"output_text": OUTPUT_TEXT, "refusal": REFUSAL}
)
REASONING_CONTENT = Parts("response.content_part", "content_index", "content", {"reasoning_text": REASONING_TEXT})
REASONING_SUMMARY = Parts("response.reasoning_summary_part", "summary_index", "summary", {"summary_text": SUMMARY_TEXT})

PART_FIELDS: Mapping[str, Fields] = {
    "output_text": {"text": TEXT, "annotations": LIST},
    "refusal": {"refusal": TEXT},
    "reasoning_text": {"text": TEXT},
    "summary_text": {"text": TEXT},
}

CALL: Fields = {"id": TEXT, "call_id": TEXT, "status": TEXT}


def _steps(item_type: str, *names: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(f"response.{item_type}.{name}" for name in step.split("|")) for step in names)


ITEM_KINDS: Mapping[str, ItemKind] = {
    "message": ItemKind({"id": TEXT, "status": TEXT, "role": TEXT, "content": LIST}, parts=(MESSAGE_CONTENT,)),
    "reasoning": ItemKind({"id": TEXT, "summary": LIST}, parts=(REASONING_CONTENT, REASONING_SUMMARY)),
    "function_call": ItemKind({**CALL, "name": TEXT, "arguments": TEXT}, runs=(FUNCTION_ARGUMENTS,), can_be_cut=True),
    "custom_tool_call": ItemKind({**CALL, "name": TEXT, "input": TEXT}, runs=(CUSTOM_INPUT,), can_be_cut=True),
    "tool_search_call": ItemKind({**CALL, "execution": TEXT, "arguments": OBJECT}),
    "apply_patch_call": ItemKind({**CALL, "operation": OBJECT}),
    "local_shell_call": ItemKind({**CALL, "action": OBJECT}),
    "shell_call": ItemKind({**CALL, "action": OBJECT, "environment": OBJECT_OR_NULL}, commands=True),
    "computer_call": ItemKind({**CALL, "pending_safety_checks": LIST}),
    "compaction": ItemKind({"id": TEXT, "encrypted_content": TEXT}),
    "image_generation_call": ItemKind(
        {"id": TEXT, "status": TEXT, "result": TEXT_OR_NULL},
        steps=_steps("image_generation_call", "in_progress", "generating", "completed"),
    ),
    "mcp_approval_request": ItemKind({"id": TEXT, "arguments": TEXT, "name": TEXT, "server_label": TEXT}),
    "mcp_list_tools": ItemKind(
        {"id": TEXT, "server_label": TEXT, "tools": LIST},
        steps=_steps("mcp_list_tools", "in_progress", "completed|failed"),
    ),
    "mcp_call": ItemKind(
        {"id": TEXT, "server_label": TEXT, "name": TEXT, "arguments": TEXT},
        runs=(MCP_ARGUMENTS,),
        steps=_steps("mcp_call", "in_progress", "completed|failed"),
    ),
    "web_search_call": ItemKind(
        {"id": TEXT, "status": TEXT, "action": OBJECT},
        steps=_steps("web_search_call", "in_progress", "searching", "completed"),
    ),
    "file_search_call": ItemKind(
        {"id": TEXT, "status": TEXT, "queries": LIST},
        steps=_steps("file_search_call", "in_progress", "searching", "completed"),
    ),
    "code_interpreter_call": ItemKind(
        {"id": TEXT, "status": TEXT, "container_id": TEXT},
        runs=(INTERPRETER_CODE,),
        steps=_steps("code_interpreter_call", "in_progress", "interpreting", "completed"),
    ),
}
