"""`ToolMap`: the functions offered upstream and, for each, the tool of the request it stands for.

Chat names are at most 64 of `[a-zA-Z0-9_-]`; any other name gets a readable alias with a hash of the
whole name, the same in every request, so that histories and prefix caches stay valid.
"""

from __future__ import annotations

import hashlib
import re

from msgspec import Struct

from translators.schema import chat

_CHAT_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class ToolName(Struct, frozen=True):
    """A tool as the client knows it."""

    name: str
    namespace: str | None = None


class ToolMap:
    """Invertible: `client_name(chat_name(x)) == x` for every name of the request and its history."""

    def __init__(self) -> None:
        self.offered: list[chat.FunctionTool] = []
        self._offered_names: set[str] = set()
        self._chat_names: dict[ToolName, str] = {}
        self._client_names: dict[str, ToolName] = {}

    def offer(self, function: chat.Function, stands_for: ToolName) -> bool:
        """Adds a function under its chat name. False where that tool is offered already."""
        name = self.chat_name(stands_for.name, stands_for.namespace)
        if name in self._offered_names:
            return False
        self._offered_names.add(name)
        function.name = name
        self.offered.append(chat.FunctionTool(function))
        return True

    def chat_name(self, name: str, namespace: str | None = None) -> str:
        """The name under which the upstream knows a tool of the request or of its history."""
        tool = ToolName(name, namespace)
        known = self._chat_names.get(tool)
        if known is not None:
            return known
        wanted = f"{namespace}__{name}" if namespace else name
        if not _CHAT_NAME.fullmatch(wanted) or self._client_names.get(wanted, tool) != tool:
            wanted = _alias(wanted, tool)
        self._chat_names[tool] = wanted
        self._client_names[wanted] = tool
        return wanted

    def client_name(self, chat_name: str) -> ToolName:
        """The way back; a name that was never offered is the model's own invention and stays as it is."""
        known = self._client_names.get(chat_name)
        return ToolName(chat_name) if known is None else known


def _alias(name: str, tool: ToolName) -> str:
    digest = hashlib.sha256(f"{tool.namespace or ''}\0{tool.name}".encode()).hexdigest()[:10]
    return f"{re.sub(r'[^a-zA-Z0-9_-]', '_', name)[:53]}_{digest}"
