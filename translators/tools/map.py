"""`ToolMap`: the functions offered upstream and, for each, the tool of the request it stands for.

Chat names are at most 64 of `[a-zA-Z0-9_-]`; any other name, and one that is taken, gets a readable alias with
a hash of the whole, the same in every request, so that histories and prefix caches stay valid. Codex has had names that
were longer, and was refused every turn (openai/codex#1289).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from translators.limits import MAX_TOOLS, too_many_tools
from translators.schema import chat
from translators.tools.grammar import Grammar

if TYPE_CHECKING:
    from translators.tools.tool import Tool

Forms = Mapping[str, "type[Tool] | None"]
"""How a tool of each type is declared; None for one that only a server could run, and none does."""

_CHAT_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_LETTER_FIRST = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")


class ToolName(Struct, frozen=True):
    """A tool as the client knows it; `kind` is the name of its row in `translators/kinds.py`.

    A tool without a name of its own, such as `local_shell`, has its type for a name.
    """

    name: str
    namespace: str | None = None
    kind: str = "function"


class ToolMap:
    """Invertible: `client_name(chat_name(x)) == x` for every tool that the request declares or, alone
    of its name, its history speaks of."""

    def __init__(self, forms: Forms, *, letter_first: bool = False) -> None:
        self.forms = forms
        self._fits = _LETTER_FIRST if letter_first else _CHAT_NAME
        self.offered: list[chat.FunctionTool] = []
        self.grammars: dict[ToolName, Grammar] = {}
        # Tools with a parameter whose argument OpenAI would encrypt: Codex has to be told that it is plain
        # (openai/codex#35845).
        self.marked_encrypted: set[ToolName] = set()
        self._allowed: frozenset[str] | None = None  # by their chat names; None: all, and the model's own inventions
        self._declared = 0
        self._offered_names: set[str] = set()
        self._chat_names: dict[ToolName, str] = {}
        self._known: dict[tuple[str, str | None], ToolName] = {}
        self._client_names: dict[str, ToolName] = {}
        self._near: dict[str, ToolName | None] | None = None

    def offer(self, function: chat.Function, stands_for: ToolName) -> bool:
        """Adds a function under the chat name of the tool. Returns False where that tool is offered already.

        Raises InvalidRequest where there are too many.
        """
        self._declared += 1
        if self._declared > MAX_TOOLS:
            raise too_many_tools()
        name = self._enter(stands_for)
        if name in self._offered_names:
            return False
        self._offered_names.add(name)
        function.name = name
        self.offered.append(chat.FunctionTool(function))
        return True

    def is_offered(self, tool: ToolName) -> bool:
        return self._chat_names.get(tool) in self._offered_names

    def allow_only(self, chat_names: Collection[str]) -> None:
        """Holds the model to some of what is offered, whatever it is offered."""
        self._allowed = frozenset(chat_names)

    def allows(self, tool: ToolName) -> bool:
        """Tells whether the client wants a call of this tool. A subset holds no inventions of the model's."""
        if self._allowed is None:
            return True
        name = self._chat_names.get(tool)
        return name is not None and name in self._allowed

    @property
    def allowed_names(self) -> list[str]:
        """The chat names of what may be called, in the order in which it was offered."""
        names = [each.function.name for each in self.offered]
        return names if self._allowed is None else [name for name in names if name in self._allowed]

    def chat_name(self, name: str, namespace: str | None = None, kind: str = "function") -> str:
        """Returns the name under which the upstream knows a tool of the request, or knew one of its history.

        History may speak of a declared tool as of another kind, after its client's settings changed.
        """
        tool = ToolName(name, namespace, kind)
        known = self._chat_names.get(tool)
        if known is None:
            namesake = self._known.get((name, namespace))
            known = self._enter(tool) if namesake is None else self._chat_names[namesake]
        return known

    def client_name(self, chat_name: str) -> ToolName:
        """Returns the tool of a chat name; one that was never offered is the model's invention and stays as it is."""
        known = self._client_names.get(chat_name)
        return ToolName(chat_name) if known is None else known

    def nearest(self, chat_name: str) -> ToolName | None:
        """Returns the one offered tool that a name which is nobody's can mean, or None.

        Models leave the namespace out, write a dot for the separator or put `functions.` before it
        (openai/codex#36942).
        """
        if chat_name in self._client_names:
            return None
        if self._near is None:
            self._near = self._by_likeness()
        return self._near.get(_likeness(chat_name))

    def _by_likeness(self) -> dict[str, ToolName | None]:
        """Returns the offered tools by what is alike in their names; None where more than one is."""
        tools = [self._client_names[name] for name in self._offered_names]
        children: dict[str, ToolName | None] = {}
        wholes: dict[str, ToolName | None] = {}
        for tool in tools:
            whole, child = _likeness(_joined(tool)), _likeness(tool.name)
            wholes[whole] = None if whole in wholes else tool
            children[child] = None if child in children else tool
        return children | wholes

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
    """Returns namespace and name as Codex joins them; one such as `mcp__files__` ends in its separator already
    (openai/codex#20652).
    """
    if not tool.namespace:
        return tool.name
    return tool.namespace + tool.name if tool.namespace.endswith("__") else f"{tool.namespace}__{tool.name}"


def _likeness(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower().removeprefix("functions.")).strip("_")


def _alias(tool: ToolName) -> str:
    whole = f"{tool.namespace or ''}\0{tool.name}"
    if tool.kind != "function":
        whole += f"\0{tool.kind}"
    digest = hashlib.sha256(whole.encode()).hexdigest()[:10]
    readable = re.sub(r"^(?=[0-9-])", "_", re.sub(r"[^a-zA-Z0-9_-]", "_", _joined(tool)))
    return f"{readable[:53]}_{digest}"
