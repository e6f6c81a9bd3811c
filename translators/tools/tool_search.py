"""`tool_search`: a function that the client answers with the tools it found (`tool_search_output`).

Without it the deferred tools of Codex are never called (BerriAI/litellm#40567).
"""

from __future__ import annotations

from msgspec import UNSET, Raw

from translators.decode import is_null
from translators.schema import chat
from translators.schema.responses import NULL
from translators.tools.function import read_schema
from translators.tools.map import ToolName
from translators.tools.tool import Offering, Tool

TOOL_SEARCH = ToolName("tool_search", None, "tool_search")
_PARAMETERS = Raw(
    b'{"type":"object","properties":{"query":{"type":"string","description":"What the tool should be able to do."}},'
    b'"required":["query"]}'
)
_DESCRIPTION = "Searches for more tools. Those that it finds can be called from then on."


class ToolSearchTool(Tool):
    only = TOOL_SEARCH
    may_search = True

    execution: str | None = None
    description: str | None = None
    parameters: Raw = NULL

    @property
    def searches(self) -> bool:
        return self.execution == "client"

    def declare(self, into: Offering, at: str) -> None:
        if not self.searches:
            into.report.emulated(at, "the proxy does not search: every deferred tool is offered at once")
            return
        parameters = (
            _PARAMETERS if is_null(self.parameters) else read_schema(self.parameters, f"{at}.parameters", into.report)
        )
        function = chat.Function(TOOL_SEARCH.name, self.description or _DESCRIPTION, parameters, UNSET)
        into.offer(function, TOOL_SEARCH, at)
        into.search = into.search or function
