"""`namespace`: tools under a common name, flattened into functions named `namespace__tool`.

Codex sends those of MCP servers so (openai/codex#33263), and finds a tool again by namespace and name only
(MetaFARS/codex-relay#6).
"""

from __future__ import annotations

from msgspec import Raw

from translators.decode import decode_as
from translators.tools.function import required_name
from translators.tools.tool import Offering, Tool, type_of

SEPARATOR = "__"


class NamespaceTool(Tool):
    name: str | None = None
    description: str | None = None
    tools: list[Raw] | None = None
    defer_loading: bool | None = None

    nests = True

    def declare(self, into: Offering, at: str) -> None:
        self._declare(into, at, None)

    def declare_member(self, into: Offering, at: str, namespace: str, description: str | None) -> None:
        """Offers the tools of a namespace in another, as `additional_tools` may hold them."""
        self._declare(into, at, namespace)

    def _declare(self, into: Offering, at: str, outer: str | None) -> None:
        name = required_name(self.name, at)
        full = f"{outer}{SEPARATOR}{name}" if outer else name
        if into.defers(self.defer_loading, full, self.description):
            return
        for index, raw in enumerate(self.tools or ()):
            where = f"{at}.tools[{index}]"
            kind = type_of(raw, where)
            form = into.tools.forms.get(kind)
            if form is not None and form.nests:
                decode_as(form, raw, where).declare_member(into, where, full, self.description)
            else:
                into.report.dropped(where, f"tools of type '{kind}' are not supported in a namespace")
