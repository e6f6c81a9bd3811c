"""`Tool`: a declaration of the request; `Offering`: where the tools of a request declare what stands for them.

Which type is declared by which `Tool` is told by the rows of `translators/kinds.py`; a `ToolMap` has them as `forms`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from msgspec import Raw, Struct

from translators.decode import decode_as
from translators.dialects import Dialect
from translators.report import Report
from translators.schema import chat
from translators.tools.map import ToolMap, ToolName


class Tool(Struct, kw_only=True):
    """One declaration of a tool; subclasses declare the fields they read."""

    # The tool that every declaration of the type is; None where each has a name of its own.
    only: ClassVar[ToolName | None] = None
    # Whether it may stand in a namespace: only then is `declare_member` called.
    nests: ClassVar[bool] = False

    # Whether it may be a search for tools: only then is `searches` asked.
    may_search: ClassVar[bool] = False

    @property
    def searches(self) -> bool:
        """Whether the client finds more tools by it."""
        return False

    def declare(self, into: Offering, at: str) -> Any:
        """Offers what stands for the tool. Returns the form in which the response echoes it, or None where that is the
        one in which it came. Raises InvalidRequest.
        """
        raise NotImplementedError

    def declare_member(self, into: Offering, at: str, namespace: str, description: str | None) -> None:
        """Offers what stands for the tool as a member of the namespace, which has this description."""
        raise NotImplementedError


class Offering:
    """Offers functions upstream, and keeps deferred tools back where the client can search for them."""

    def __init__(self, tools: ToolMap, dialect: Dialect, report: Report, *, check_grammars: bool = True) -> None:
        self.tools = tools
        self.dialect = dialect
        self.report = report
        self.check_grammars = check_grammars
        self.searchable = False
        self.search: chat.Function | None = None
        self._deferred: dict[str, str] = {}
        self._loading = False

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Offers what is declared inside, deferred or not, and as often as a search finds it."""
        self._loading = True
        yield
        self._loading = False

    def offer(self, function: chat.Function, tool: ToolName, at: str) -> None:
        if not self.tools.offer(function, tool) and not self._loading:
            self.report.dropped(at, f"a tool named '{function.name or tool.name}' is declared already")

    def defers(self, wanted: bool | None, name: str, description: str | None) -> bool:
        """Tells whether a tool is held back until a search loads it; the search then says that it exists."""
        if not wanted or not self.searchable or self._loading:
            return False
        self._deferred.setdefault(name, description or "")
        return True

    def close(self) -> None:
        """Tells the model what the search could find."""
        if self.search is None or not self._deferred:
            return
        listed = "\n".join(f"- {name}: {said}" if said else f"- {name}" for name, said in self._deferred.items())
        self.search.description = f"{self.search.description or ''}\n\nTools that can be found:\n{listed}".lstrip()


class Typed(Struct):
    type: str


def type_of(raw: Raw, at: str) -> str:
    return decode_as(Typed, raw, at).type
