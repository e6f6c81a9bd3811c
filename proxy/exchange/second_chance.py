"""`SecondChance`: with what the model is asked again after an answer that nobody can use, and when that is over.

It works as long as nothing final has gone out: what the client has seen of the first answer stays in the response.
"""

from __future__ import annotations

from collections.abc import Sequence

from translators.answering.ending import COMPLETED, EMPTY_ANSWER
from translators.answering.stream import ResponseStream
from translators.asking.translate import Translation
from translators.errors import UpstreamError
from translators.recovery.reask import RejectedCall, reask
from translators.report import Adaptation

# How often a model is asked again that has called what it may not. It is told each time which tools it may call: one
# that does so a third time would go on with it.
TOOL_RETRIES = 2

Again = tuple[Translation, Adaptation]
_MENDED = Adaptation("emulated", "tools", "an input broke its grammar: the model was asked again")
_HELD = Adaptation("emulated", "tool_choice", "a tool that is not allowed was called: the model was asked again")
_REPEATED = Adaptation("emulated", "input", "the answer was empty: the model was asked again")
_SPOILT = Adaptation("emulated", "input", "the upstream spoilt its answer: the model was asked again")


class SecondChance:
    """For one response. With `empty_retries` at 0 an empty answer stands as it is."""

    def __init__(self, grammar_retries: int, empty_retries: int, tool_retries: int = TOOL_RETRIES) -> None:
        self._tool_retries = tool_retries
        self._grammar_retries = grammar_retries
        self._empty_retries = empty_retries
        self._may_be_empty = empty_retries == 0
        self._silent = False

    def again(self, stream: ResponseStream, translation: Translation, *, said_done: bool) -> Again | None:
        """The request to send in place of `translation`, or None where the answer stands."""
        ending = stream.empty_end(said_done=said_done)
        self._silent = ending is COMPLETED
        calls = stream.rejected_calls(said_done=said_done)
        if calls and (adaptation := self._why_not(calls)) is not None:
            return reask(translation, calls, stream.thought), adaptation
        if self._empty_retries and self._silent:
            self._empty_retries -= 1
            return translation, _REPEATED
        if self._empty_retries and ending is not None and ending.passing:
            self._empty_retries -= 1
            return translation, _SPOILT
        return None

    def _why_not(self, calls: Sequence[RejectedCall]) -> Adaptation | None:
        """What is to be reported of asking again, or None where that has been done often enough."""
        if any(call.allowed for call in calls):
            if self._grammar_retries:
                self._grammar_retries -= 1
                return _MENDED
        elif self._tool_retries:
            self._tool_retries -= 1
            return _HELD
        return None

    def check(self) -> None:
        """Raises UpstreamError where the last answer cannot stand, after `again` has said that it is the last.

        One with a wrong call can: its client tells the model what is wrong.
        """
        if self._silent and not self._may_be_empty:
            raise UpstreamError("The model gave neither text nor a call.", code=EMPTY_ANSWER)
