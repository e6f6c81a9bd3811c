"""`SecondChance`: with what the model is asked again after an answer that nobody can use, and when that is over.

It works as long as nothing final has gone out: what the client has seen of the first answer stays in the response.
"""

from __future__ import annotations

from translators.ending import COMPLETED, EMPTY_ANSWER
from translators.errors import UpstreamError
from translators.reask import reask
from translators.report import Adaptation
from translators.request import Translation
from translators.stream import ResponseStream

Again = tuple[Translation, Adaptation]
_MENDED = Adaptation("emulated", "tools", "an input broke its grammar: the model was asked again")
_REPEATED = Adaptation("emulated", "input", "the answer was empty: the model was asked again")
_SPOILT = Adaptation("emulated", "input", "the upstream spoilt its answer: the model was asked again")


class SecondChance:
    """For one response. With `empty_retries` at 0 an empty answer stands as it is."""

    def __init__(self, grammar_retries: int, empty_retries: int) -> None:
        self._grammar_retries = grammar_retries
        self._empty_retries = empty_retries
        self._may_be_empty = empty_retries == 0
        self._silent = False

    def again(self, stream: ResponseStream, translation: Translation, *, said_done: bool) -> Again | None:
        """The request to send in place of `translation`, or None where the answer stands."""
        ending = stream.empty_end(said_done=said_done)
        self._silent = ending is COMPLETED
        if self._grammar_retries and translation.tools.grammars:
            calls = stream.rejected_calls(said_done=said_done)
            if calls:
                self._grammar_retries -= 1
                return reask(translation, calls, stream.thought), _MENDED
        if self._empty_retries and self._silent:
            self._empty_retries -= 1
            return translation, _REPEATED
        if self._empty_retries and ending is not None and ending.passing:
            self._empty_retries -= 1
            return translation, _SPOILT
        return None

    def check(self) -> None:
        """Raises UpstreamError where the last answer cannot stand, after `again` has said that it is the last.

        One with a wrong call can: its client tells the model what is wrong.
        """
        if self._silent and not self._may_be_empty:
            raise UpstreamError("The model gave neither text nor a call.", code=EMPTY_ANSWER)
