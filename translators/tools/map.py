"""`ToolMap`: the functions offered upstream and, for each, the tool of the request it stands for.

Chat names are at most 64 of `[a-zA-Z0-9_-]`; any other name, and one that is taken, gets a readable alias
with a hash of the whole, the same in every request, so that histories and prefix caches stay valid.
"""

from __future__ import annotations

import hashlib
import re

from msgspec import Struct

from translators.schema import chat
from translators.tools.grammar import Grammar

_CHAT_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_LETTER_FIRST = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")


class ToolName(Struct, frozen=True):
    """A tool as the client knows it; `kind` decides which item its calls come back as (`items.calls`).

    A tool without a name of its own, such as `local_shell`, has its type for a name.
    """

    name: str
    namespace: str | None = None
    kind: str = "function"


class ToolMap:
    """Invertible: `client_name(chat_name(x)) == x` for every tool that the request declares or, alone
    of its name, its history speaks of."""

    def __init__(self, *, letter_first: bool = False) -> None:
        self._fits = _LETTER_FIRST if letter_first else _CHAT_NAME
        self.offered: list[chat.FunctionTool] = []
        self.grammars: dict[ToolName, Grammar] = {}
        self._offered_names: set[str] = set()
        self._chat_names: dict[ToolName, str] = {}
        self._known: dict[tuple[str, str | None], ToolName] = {}
        self._client_names: dict[str, ToolName] = {}

    def offer(self, function: chat.Function, stands_for: ToolName) -> bool:
        """Adds a function under the chat name of the tool. False where that tool is offered already."""
        name = self._enter(stands_for)
        if name in self._offered_names:
            return False
        self._offered_names.add(name)
        function.name = name
        self.offered.append(chat.FunctionTool(function))
        return True

    def is_offered(self, tool: ToolName) -> bool:
        return self._chat_names.get(tool) in self._offered_names

    def chat_name(self, name: str, namespace: str | None = None, kind: str = "function") -> str:
        """The name under which the upstream knows a tool of the request, or knew one of its history.

        History may speak of a declared tool as of another kind, after its client's settings changed.
        """
        tool = ToolName(name, namespace, kind)
        known = self._chat_names.get(tool)
        if known is None:
            namesake = self._known.get((name, namespace))
            known = self._enter(tool) if namesake is None else self._chat_names[namesake]
        return known

    def client_name(self, chat_name: str) -> ToolName:
        """The way back; a name that was never offered is the model's own invention and stays as it is."""
        known = self._client_names.get(chat_name)
        return ToolName(chat_name) if known is None else known

    def _enter(self, tool: ToolName) -> str:
        known = self._chat_names.get(tool)
        if known is not None:
            return known
        name = _joined(tool)
        if not self._fits.fullmatch(name) or name in self._client_names:
            name = _alias(tool)
        self._chat_names[tool] = name
        self._client_names[name] = tool
        self._known.setdefault((tool.name, tool.namespace), tool)
        return name


def _joined(tool: ToolName) -> str:
    return f"{tool.namespace}__{tool.name}" if tool.namespace else tool.name


def _alias(tool: ToolName) -> str:
    whole = f"{tool.namespace or ''}\0{tool.name}"
    if tool.kind != "function":
        whole += f"\0{tool.kind}"
    digest = hashlib.sha256(whole.encode()).hexdigest()[:10]
    readable = re.sub(r"^(?=[0-9-])", "_", re.sub(r"[^a-zA-Z0-9_-]", "_", _joined(tool)))
    return f"{readable[:53]}_{digest}"
