"""Tools: what the request offers, as function tools of a Chat request, and the way back.

`ToolMap` is made anew for each request: the request's own declarations decide, never a name.
"""

from __future__ import annotations

from translators.tools.choice import apply_tool_choice, forces_a_call
from translators.tools.declare import TOOL_TYPES, declare_tools, has_client_search, tool_names
from translators.tools.grammar import Grammar, InputCheck
from translators.tools.map import ToolMap, ToolName
from translators.tools.tool import Offering

__all__ = [
    "TOOL_TYPES",
    "Grammar",
    "InputCheck",
    "Offering",
    "ToolMap",
    "ToolName",
    "apply_tool_choice",
    "declare_tools",
    "forces_a_call",
    "has_client_search",
    "tool_names",
]
