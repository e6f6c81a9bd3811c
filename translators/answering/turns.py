"""`after(answer, limits)`: what follows an answer of the model, all of which has arrived.

    Stands   the response is what its answers came to, and ends
    Again    the model is asked once more: the same question, or with what it said and why that cannot stand
    Fault    the response fails

A model is asked again where its answer is of no use to anybody: it holds neither a word nor a call, at which agents
stop in the middle of their work (duolahypercho/codex-router#145), its upstream spoilt it, an input breaks its grammar,
or all its calls are of tools that the request does not allow. That works as long as nothing final has gone out: what
the client has seen of such an answer stays in the response.

Nothing here is kept or changed. How often a model may still be asked stands in `Limits`, and each `Again` brings those
that are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import msgspec
from msgspec import Struct

from translators.answering.ending import COMPLETED, EMPTY_ANSWER, Ending
from translators.asking.tail import RejectedCall, Tail
from translators.errors import BridgeError, UpstreamError
from translators.report import Adaptation

# How often a model is asked again that has called what it may not. It is told each time which tools it may call: one
# that does so a third time would go on with it.
TOOL_RETRIES = 2

_MENDED = Adaptation("emulated", "tools", "an input broke its grammar: the model was asked again")
_HELD = Adaptation("emulated", "tool_choice", "a tool that is not allowed was called: the model was asked again")
_REPEATED = Adaptation("emulated", "input", "the answer was empty: the model was asked again")
_SPOILT = Adaptation("emulated", "input", "the upstream spoilt its answer: the model was asked again")


class EndedAnswer(Struct, frozen=True):
    """What one answer of the model has come to.

    `ending` is how it ended, None where it broke off; `fault` why it cannot be the last one, if nothing better comes.
    A `silent` one holds neither a word nor a call. Of one with `rejected` calls, `turn` is all that the model said, to
    be told to it again. `reported` is what there is to tell of an answer that stands.
    """

    ending: Ending | None
    fault: BridgeError | None = None
    silent: bool = False
    rejected: Sequence[RejectedCall] = ()
    turn: Tail = ()
    reported: Sequence[Adaptation] = ()


class Limits(Struct, frozen=True):
    """How often a model may be asked again for each reason. With `empty_stands` an empty answer is no fault."""

    grammar: int = 0
    empty: int = 0
    tool: int = 0
    empty_stands: bool = True

    @classmethod
    def of(cls, *, grammar_retries: int, empty_retries: int) -> Self:
        """Those of the settings. Without retries an empty answer stands as it is."""
        return cls(grammar_retries, empty_retries, TOOL_RETRIES, empty_stands=empty_retries == 0)

    def spent(self) -> Limits:
        """Those of a model that cannot be asked any more."""
        return Limits(empty_stands=self.empty_stands)


NEVER_AGAIN = Limits()


class Stands(Struct, frozen=True):
    """The answer is the last one."""


class Again(Struct, frozen=True):
    """The model is asked once more, with `pieces` behind what it was asked before; `limits` are left then."""

    pieces: Tail
    adaptation: Adaptation
    limits: Limits


class Fault(Struct, frozen=True):
    """The response fails."""

    error: BridgeError


STANDS = Stands()
Next = Stands | Again | Fault


def after(answer: EndedAnswer, limits: Limits) -> Next:
    if answer.rejected:
        if any(call.allowed for call in answer.rejected):
            if limits.grammar:
                return Again(answer.turn, _MENDED, msgspec.structs.replace(limits, grammar=limits.grammar - 1))
        elif limits.tool:
            return Again(answer.turn, _HELD, msgspec.structs.replace(limits, tool=limits.tool - 1))
    elif answer.silent and answer.ending is not None:
        is_whole = answer.ending is COMPLETED
        if limits.empty and (is_whole or answer.ending.passing):
            adaptation = _REPEATED if is_whole else _SPOILT
            return Again((), adaptation, msgspec.structs.replace(limits, empty=limits.empty - 1))
        if is_whole and not limits.empty_stands:
            return Fault(UpstreamError("The model gave neither text nor a call.", code=EMPTY_ANSWER))
    return STANDS if answer.fault is None else Fault(answer.fault)
