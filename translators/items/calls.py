"""`CALL_WRITERS`: which item a call of the model comes back as, by the kind of the tool that was called."""

from __future__ import annotations

from translators.items.apply_patch_call import ApplyPatchCallWriter
from translators.items.call_writer import CallWriter
from translators.items.computer_call import ComputerCallWriter
from translators.items.custom_tool_call import CustomToolCallWriter
from translators.items.function_call import FunctionCallWriter
from translators.items.local_shell_call import LocalShellCallWriter
from translators.items.shell_call import ShellCallWriter
from translators.items.tool_search_call import ToolSearchCallWriter

CALL_WRITERS: dict[str, type[CallWriter]] = {
    "apply_patch": ApplyPatchCallWriter,
    "computer": ComputerCallWriter,
    "computer_preview": ComputerCallWriter,
    "custom": CustomToolCallWriter,
    "function": FunctionCallWriter,
    "local_shell": LocalShellCallWriter,
    "shell": ShellCallWriter,
    "tool_search": ToolSearchCallWriter,
}
