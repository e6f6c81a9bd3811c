"""`verdict(error, request, dialect, budget)`: what follows an attempt that the upstream refused.

It is asked only as long as nothing of an answer has been told: until then, an attempt may be replaced by another, and
the client does not notice but by what is reported.
"""

from __future__ import annotations

from msgspec import Struct

from translators.dialects import Dialect
from translators.errors import UpstreamError
from translators.recovery.lessons import Lesson, learn
from translators.schema import chat

MOST_LESSONS = 4
"""So often is a question put in another form. Backends name what they refuse one by one, as OpenAI's reasoning models
do with `max_tokens`, `temperature` and `top_p`; one that refuses still more is not the one that was meant."""


class Budget(Struct, frozen=True):
    """How much may still be tried for one question."""

    lessons: int = MOST_LESSONS

    def without_lesson(self) -> Budget:
        return Budget(self.lessons - 1)


class Stands(Struct, frozen=True):
    """The client is told of the error."""


class Again(Struct, frozen=True):
    """The same target is asked once more, by what it has taught."""

    lesson: Lesson
    budget: Budget


Verdict = Stands | Again
STANDS = Stands()


def verdict(error: UpstreamError, request: chat.ChatRequest, dialect: Dialect, budget: Budget) -> Verdict:
    """What follows `error`, with which an attempt ended that sent `request`, made in `dialect`."""
    if not budget.lessons:
        return STANDS
    lesson = learn(error, request, dialect)
    return STANDS if lesson is None else Again(lesson, budget.without_lesson())
