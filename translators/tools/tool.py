"""`Tool`: a declaration of the request; `Offering`: where the tools of a request declare what stands for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Raw, Struct

from translators.decode import decode_as
from translators.dialects import Dialect
from translators.report import Report
from translators.schema import chat
from translators.tools.map import ToolMap, ToolName


class Tool(Struct, kw_only=True):
    """`declare` offers what stands for the tool and returns the form to echo. Raises InvalidRequest."""

    def declare(self, into: Offering, at: str) -> Any:
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
        """Whether a tool is held back until a search loads it; the search then says that it exists."""
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
