"""Every kind of tool and every type of item, one row each (`TOOLS`, `ITEMS`), and the tables made of them (`KINDS`).

A new one is its own file and a row here:

    to add                            write                                                          row
    a tool that the client runs       its `Tool` in tools/; its items and their writer in items/     `ToolKind`
    a tool that only servers run      its items in items/                                            `ToolKind`
    an item that belongs to no tool   its file in items/                                             `ItemKind`

What reads the rows: declarations (`tools/declare.py`, `tools/namespace.py`), choices (`asking/tool_choice.py`), items
of requests and histories (`asking/read_items.py`), calls on their way out (`answering/writers.py`), ids of what is
stored (`history/raw_items.py`).

What ids begin with is what OpenAI's own servers write, as far as a stream that was recorded from them shows it
(https://github.com/vercel/ai, `packages/openai/src/responses/__fixtures__`). Outputs that only clients make are named
after their calls in the same way, with an `o` behind. Items that no server makes have what unknown ones have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from translators.ids import UNKNOWN_ITEM
from translators.items import hosted_calls as hosted
from translators.items.additional_tools import AdditionalTools
from translators.items.agent_message import AgentMessage
from translators.items.apply_patch_call import ApplyPatchCall, ApplyPatchCallOutput, ApplyPatchCallWriter
from translators.items.call_writer import CallWriter
from translators.items.compaction import Compaction
from translators.items.compaction_trigger import CompactionTrigger
from translators.items.computer_call import ComputerCall, ComputerCallOutput, ComputerCallWriter
from translators.items.configuration_update import ConfigurationUpdate
from translators.items.custom_tool_call import CustomToolCall, CustomToolCallWriter
from translators.items.function_call import FunctionCall, FunctionCallWriter
from translators.items.function_call_output import FunctionCallOutput
from translators.items.item import Item
from translators.items.item_reference import ItemReference
from translators.items.local_shell_call import LocalShellCall, LocalShellCallOutput, LocalShellCallWriter
from translators.items.message import Message, PlainMessage
from translators.items.reasoning import PlainReasoning, ReasoningItem
from translators.items.shell_call import ShellCall, ShellCallOutput, ShellCallWriter
from translators.items.tool_search_call import ToolSearchCall, ToolSearchCallWriter
from translators.items.tool_search_output import ToolSearchOutput
from translators.tools.apply_patch import ApplyPatchTool
from translators.tools.computer import ComputerPreviewTool, ComputerTool
from translators.tools.custom import CustomTool
from translators.tools.function import FunctionTool
from translators.tools.local_shell import LocalShellTool
from translators.tools.map import Forms, ToolName
from translators.tools.namespace import NamespaceTool
from translators.tools.shell import ShellTool
from translators.tools.tool_search import ToolSearchTool


class ItemKind(Struct, frozen=True):
    """An item type of `input` and `output`.

    `name` is its `type`. `form` reads one, whatever it holds. `plain` reads only what nearly all of them are, and may
    read many at a time: it is given for types that make up long histories. `prefix` is what an id of one begins with.
    """

    name: str
    form: type[Item]
    prefix: str
    plain: type[Item] | None = None


class CallKind(ItemKind, frozen=True, kw_only=True):
    """The item type of calls that the model makes; `writer` makes one of a function's name and arguments."""

    writer: type[CallWriter]


class ToolKind(Struct, frozen=True, kw_only=True):
    """A kind of tool, from its declaration to the items of its calls.

    `name` is what `ToolName.kind` says of its tools. `forms` has the types under which it is declared, each with the
    struct that reads it and offers a function for it. A kind that only a server could run has None there: its tools are
    reported, and its items are read as those of a history from elsewhere.
    """

    name: str
    forms: Forms
    chosen_by: Literal["name", "type", "members"] = "type"
    """How an object in `tool_choice` tells one of its tools. A namespace is none: it is allowed with all of its own."""
    call: ItemKind | None = None
    output: ItemKind | None = None
    others: tuple[ItemKind, ...] = ()

    @property
    def items(self) -> tuple[ItemKind, ...]:
        return tuple(item for item in (self.call, self.output, *self.others) if item is not None)

    def tools_of(self, type_: str, name: str | None, namespace: str | None) -> tuple[ToolName, ...]:
        """The tools that a choice of this type may mean, the likeliest first; `name` is given where they have one."""
        if self.chosen_by == "name":
            return () if name is None else (ToolName(name, namespace, self.name),)
        own = self.forms.get(type_)
        forms = dict.fromkeys([own, *self.forms.values()])
        return tuple(form.only for form in forms if form is not None and form.only is not None)


class Kinds:
    """Rows by what they are looked up by."""

    def __init__(self, tools: Sequence[ToolKind], items: Sequence[ItemKind]) -> None:
        """`items` are those that belong to no kind of tool."""
        self.tools = tuple(tools)
        self.forms: Forms = {type_: form for kind in tools for type_, form in kind.forms.items()}
        self.items = {item.name: item for item in (*items, *(item for kind in tools for item in kind.items))}
        self._calls = {kind.name: kind.call for kind in tools if isinstance(kind.call, CallKind)}
        self._by_type = {type_: kind for kind in tools for type_, form in kind.forms.items() if form is not None}

    def call_of(self, tool: ToolName) -> CallKind:
        """What a call of the tool comes back as. Raises KeyError where the model cannot call such a tool itself."""
        return self._calls[tool.kind]

    def offered_as(self, type_: str) -> ToolKind | None:
        """The kind whose tools are declared under this type, if one can be offered."""
        return self._by_type.get(type_)

    def prefix_of(self, item_type: str) -> str:
        """What the id of an item of this type begins with."""
        kind = self.items.get(item_type)
        return UNKNOWN_ITEM if kind is None else kind.prefix


TOOLS = (
    ToolKind(
        name="function",
        forms={"function": FunctionTool},
        chosen_by="name",
        call=CallKind("function_call", FunctionCall, "fc", plain=FunctionCall, writer=FunctionCallWriter),
        output=ItemKind("function_call_output", FunctionCallOutput, "fco", plain=FunctionCallOutput),
    ),
    ToolKind(
        name="custom",
        forms={"custom": CustomTool},
        chosen_by="name",
        call=CallKind("custom_tool_call", CustomToolCall, "ctc", plain=CustomToolCall, writer=CustomToolCallWriter),
        output=ItemKind("custom_tool_call_output", FunctionCallOutput, "ctco", plain=FunctionCallOutput),
    ),
    ToolKind(name="namespace", forms={"namespace": NamespaceTool}, chosen_by="members"),
    ToolKind(
        name="tool_search",
        forms={"tool_search": ToolSearchTool},
        call=CallKind("tool_search_call", ToolSearchCall, "tsc", writer=ToolSearchCallWriter),
        output=ItemKind("tool_search_output", ToolSearchOutput, "tso"),
    ),
    ToolKind(
        name="shell",
        forms={"shell": ShellTool},
        call=CallKind("shell_call", ShellCall, "sh", writer=ShellCallWriter),
        output=ItemKind("shell_call_output", ShellCallOutput, "sho"),
    ),
    ToolKind(
        name="local_shell",
        forms={"local_shell": LocalShellTool},
        call=CallKind("local_shell_call", LocalShellCall, "lsh", writer=LocalShellCallWriter),
        output=ItemKind("local_shell_call_output", LocalShellCallOutput, "lsho"),
    ),
    ToolKind(
        name="apply_patch",
        forms={"apply_patch": ApplyPatchTool},
        call=CallKind("apply_patch_call", ApplyPatchCall, "apc", writer=ApplyPatchCallWriter),
        output=ItemKind("apply_patch_call_output", ApplyPatchCallOutput, "apco"),
    ),
    ToolKind(
        name="computer",
        forms={
            "computer": ComputerTool,
            "computer_use": ComputerTool,
            "computer_use_preview": ComputerPreviewTool,
        },
        call=CallKind("computer_call", ComputerCall, "cu", writer=ComputerCallWriter),
        output=ItemKind("computer_call_output", ComputerCallOutput, "cuo"),
    ),
    ToolKind(
        name="web_search",
        forms=dict.fromkeys(
            ("web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11")
        ),
        call=ItemKind("web_search_call", hosted.WebSearchCall, "ws"),
    ),
    ToolKind(
        name="file_search",
        forms={"file_search": None},
        call=ItemKind("file_search_call", hosted.FileSearchCall, "fs"),
    ),
    ToolKind(
        name="code_interpreter",
        forms={"code_interpreter": None},
        call=ItemKind("code_interpreter_call", hosted.CodeInterpreterCall, "ci"),
    ),
    ToolKind(
        name="image_generation",
        forms={"image_generation": None},
        call=ItemKind("image_generation_call", hosted.ImageGenerationCall, "ig"),
    ),
    ToolKind(
        name="mcp",
        forms={"mcp": None},
        call=ItemKind("mcp_call", hosted.McpCall, "mcp"),
        others=(
            ItemKind("mcp_list_tools", hosted.McpListTools, "mcpl"),
            ItemKind("mcp_approval_request", hosted.McpApprovalRequest, "mcpr"),
            ItemKind("mcp_approval_response", hosted.McpApprovalResponse, UNKNOWN_ITEM),
        ),
    ),
    ToolKind(
        name="programmatic_tool_calling",
        forms={"programmatic_tool_calling": None},
        call=ItemKind("program", hosted.Program, "cm"),
        output=ItemKind("program_output", hosted.ProgramOutput, "cmo"),
    ),
)

ITEMS = (
    ItemKind("message", Message, "msg", plain=PlainMessage),
    ItemKind("reasoning", ReasoningItem, "rs", plain=PlainReasoning),
    ItemKind("compaction", Compaction, "cmp"),
    ItemKind("compaction_summary", Compaction, "cmp"),
    ItemKind("compaction_trigger", CompactionTrigger, UNKNOWN_ITEM),
    ItemKind("item_reference", ItemReference, UNKNOWN_ITEM),
    ItemKind("agent_message", AgentMessage, UNKNOWN_ITEM),
    ItemKind("additional_tools", AdditionalTools, UNKNOWN_ITEM),
    ItemKind("configuration_update", ConfigurationUpdate, UNKNOWN_ITEM),
)

KINDS = Kinds(TOOLS, ITEMS)
