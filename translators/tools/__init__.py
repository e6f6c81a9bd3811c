"""Tools: what the request offers, as function tools of a Chat request, and the way back.

`ToolMap` is made anew for each request: the request's own declarations decide, never a name. All that is to be known
of a kind of tool is one row of `translators/kinds.py`.
"""

from __future__ import annotations

from translators.tools.grammar import Grammar, InputCheck
from translators.tools.map import ToolMap, ToolName
from translators.tools.tool import Offering

__all__ = ["Grammar", "InputCheck", "Offering", "ToolMap", "ToolName"]
