"""What a dialect's answers need besides `ChatReader`: filters of its fragments, put together by `AnswerReader`."""

from __future__ import annotations

from translators.reading.answer import AnswerReader

__all__ = ["AnswerReader"]
