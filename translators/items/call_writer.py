"""`CallWriter`: a call of the model from its name on, whichever item it comes back as.

Clients run a tool at the `done` event of its call, so a call that is not whole gets none (`cut`;
vllm-project/vllm#53269). Calls whose items have no deltas, or whose input is checked first, are held back until they
are whole (`HeldCallWriter`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from translators.decode import is_json_object
from translators.emitter import Emitter
from translators.items.writer import ItemWriter
from translators.tools import Grammar, InputCheck, ToolName
from translators.tools.cut import closed
from translators.tools.repair import repaired

T = TypeVar("T")


class CallWriter(ItemWriter):
    """`tool` is what the client knows the called function as; `grammar` what its input is checked against."""

    def __init__(self, out: Emitter, item_id: str, call_id: str, tool: ToolName, grammar: Grammar | None) -> None:
        super().__init__(out, item_id)
        self.call_id = call_id
        self.tool = tool
        self.grammar = grammar
        self.place = 0  # among the calls of its answer
        self.extra: dict[str, Any] | None = None  # what the backend wants back with it, if it is asked again
        self.mended: str | None = None  # what was done to its arguments before the client got them
        self._pieces: list[str] = []

    @property
    def streams(self) -> bool:
        """Whether the item is opened as soon as the call has a name."""
        return True

    @property
    def arguments_text(self) -> str:
        return "".join(self._pieces)

    @property
    def written(self) -> str:
        return self.tool.name + self.arguments_text

    @property
    def whole(self) -> bool:
        """Whether the arguments are one JSON object, which no later text could continue."""
        return is_json_object(self.arguments_text)

    @property
    def is_cut(self) -> bool:
        """Whether the arguments certainly break off: they are the beginning of a JSON object."""
        return closed(self.arguments_text) is not None

    @property
    def readable(self) -> bool:
        """Whether the item can be made of the arguments; asked when there are no more to come."""
        return True

    @property
    def check(self) -> InputCheck | None:
        """What has to be found out of a whole input before the client gets it; None once that is known."""
        return None

    def judge(self, problems: Sequence[str | None]) -> None:
        """Takes the answer to its check: what is wrong with each reading, and nothing where nobody could tell."""

    @property
    def problem(self) -> str | None:
        """What is wrong with the input of a call that has been checked."""
        return None

    def arguments(self, delta: str) -> None:
        self._pieces.append(delta)

    def arguments_run(self, deltas: list[str]) -> None:
        """Does what `arguments` does, with each of them."""
        for delta in deltas:
            self.arguments(delta)

    def cut(self) -> None:
        """Ends a call that is not whole without a `done`; one that nobody has heard of is forgotten."""
        if self.opened:
            self.final = self.snapshot("incomplete")


class HeldCallWriter(CallWriter):
    """A call whose item is made of its whole arguments."""

    @property
    def streams(self) -> bool:
        return False

    def arguments_as(self, kind: type[T]) -> T | None:
        """Returns the arguments as a `kind`, or None for what cannot be read as one."""
        try:
            return msgspec.json.decode(repaired(self.arguments_text), type=kind)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
