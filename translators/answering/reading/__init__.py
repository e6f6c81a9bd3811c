"""Chunks into fragments: `ChatReader` for every backend, filters for what some do, put together by `AnswerReader`."""

from __future__ import annotations

from translators.answering.reading.answer import AnswerReader

__all__ = ["AnswerReader"]
