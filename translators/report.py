"""What a translation could not carry over as it was: dropped, changed or emulated, and why.

Nothing is lost silently: every such decision is one `Adaptation`, told to the client and the log, or,
where the setting `on_unsupported` is `refuse`, an `InvalidRequest` instead of a drop.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from translators.errors import MOST_OF_A_MESSAGE, MOST_OF_A_PATH, InvalidRequest, bounded

OnUnsupported = Literal["report", "refuse"]
Action = Literal["dropped", "ignored", "changed", "emulated"]


class Adaptation(Struct, frozen=True):
    action: Action
    param: str
    reason: str

    def __str__(self) -> str:
        return f"{self.action} {self.param}: {self.reason}"


# Parts of answers that are told of in one response: more helps nobody, and an upstream may make up any number.
_MAX_TOLD = 64


class Told(list[Adaptation]):
    """What is reported of a response's answers, each thing once however often it comes."""

    __slots__ = ()

    def add(self, adaptation: Adaptation) -> None:
        if adaptation not in self:
            self.append(adaptation)

    def add_part(self, adaptation: Adaptation) -> None:
        """What became of a part of an answer, of which an upstream may send any number."""
        if len(self) < _MAX_TOLD:
            self.add(adaptation)


class Report:
    """The adaptations of one request, in the order they were made."""

    def __init__(self, on_unsupported: OnUnsupported = "report") -> None:
        self.adaptations: list[Adaptation] = []
        self.refuses = on_unsupported == "refuse"

    def dropped(self, param: str, reason: str) -> None:
        """Something that means something is left out. Raises InvalidRequest where drops are refused."""
        if self.refuses:
            raise InvalidRequest(f"'{param}' is not supported: {reason}.", param=param, code="unsupported_parameter")
        self._add("dropped", param, reason)

    def ignored(self, param: str, reason: str) -> None:
        """A mere hint has no effect here; never refused."""
        self._add("ignored", param, reason)

    def changed(self, param: str, reason: str) -> None:
        """The same meaning travels in another form or with a nearby value."""
        self._add("changed", param, reason)

    def emulated(self, param: str, reason: str) -> None:
        """The bridge itself does what the upstream cannot."""
        self._add("emulated", param, reason)

    def _add(self, action: Action, param: str, reason: str) -> None:
        """Names and words may be a client's: none makes a header or a log line long."""
        self.adaptations.append(Adaptation(action, bounded(param, MOST_OF_A_PATH), bounded(reason, MOST_OF_A_MESSAGE)))
