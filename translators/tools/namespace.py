"""`namespace`: tools under a common name, flattened into functions named `namespace__tool`."""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from translators.decode import decode_as
from translators.tools.custom import CustomTool
from translators.tools.function import FunctionTool, required_name
from translators.tools.tool import Offering, Tool, type_of

MEMBER_TYPES: dict[str, type[FunctionTool] | type[CustomTool]] = {"function": FunctionTool, "custom": CustomTool}
SEPARATOR = "__"


class NamespaceTool(Tool):
    name: str | None = None
    description: str | None = None
    tools: list[Raw] | None = None
    defer_loading: bool | None = None

    def declare(self, into: Offering, at: str) -> Any:
        self.declare_within(into, at, None)
        return self

    def declare_within(self, into: Offering, at: str, outer: str | None) -> None:
        """Namespaces may nest, as those of `additional_tools` do."""
        name = required_name(self.name, at)
        full = f"{outer}{SEPARATOR}{name}" if outer else name
        if into.defers(self.defer_loading, full, self.description):
            return
        for index, raw in enumerate(self.tools or ()):
            where = f"{at}.tools[{index}]"
            kind = type_of(raw, where)
            if kind == "namespace":
                decode_as(NamespaceTool, raw, where).declare_within(into, where, full)
            elif kind in MEMBER_TYPES:
                member = decode_as(MEMBER_TYPES[kind], raw, where)
                if not into.defers(member.defer_loading, full, self.description):
                    member.declare_within(into, where, full)
            else:
                into.report.dropped(where, f"tools of type '{kind}' are not supported in a namespace")
