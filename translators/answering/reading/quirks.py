"""The small filters: reasoning that repeats itself, calls beyond what is allowed, answers in a tool or a fence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from translators.answering.fragments import (
    Adapted,
    Failed,
    Fragment,
    Reasoning,
    ReasoningDetails,
    ServiceTier,
    Text,
    ToolArguments,
    ToolCall,
    Usage,
)
from translators.answering.reading.filter import BESIDE_CALLS, BESIDE_TEXT, MOST_SPACE, Filter


class _SoFar:
    """A text of which each piece may say all that came before it again."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0

    def add(self, piece: str) -> str:
        """What is new in it."""
        before = self._size
        if before and len(piece) >= before and piece.startswith("".join(self._pieces)):
            self._pieces, self._size = [piece], len(piece)
            return piece[before:]
        self._pieces.append(piece)
        self._size += len(piece)
        return piece


class CumulativeReasoning(Filter):
    """MiniMax may send all of the thought so far with every piece."""

    def __init__(self) -> None:
        self._so_far = _SoFar()
        self._details: dict[int | str | None, _SoFar] = {}

    def feed(self, fragment: Fragment) -> list[Fragment]:
        if isinstance(fragment, ReasoningDetails):
            return [ReasoningDetails([self._new_part(detail) for detail in fragment.details])]
        if not isinstance(fragment, Reasoning):
            return [fragment]
        new = self._so_far.add(fragment.text)
        return [Reasoning(new)] if new else []

    def _new_part(self, detail: Any) -> Any:
        if type(detail) is not dict or type(detail.get("text")) is not str:
            return detail
        place = detail.get("index")
        so_far = self._details.setdefault(place if isinstance(place, int | str) else None, _SoFar())
        return {**detail, "text": so_far.add(detail["text"])}


class FirstCallOnly(Filter):
    """The client asked for one call at a time; some backends cannot be told, others do not listen."""

    ignores = BESIDE_CALLS

    def __init__(self, told: Callable[[], None]) -> None:
        self._told = told
        self._key: int | None = None

    def feed(self, fragment: Fragment) -> list[Fragment]:
        if not isinstance(fragment, ToolCall | ToolArguments):
            return [fragment]
        if self._key is None:
            self._key = fragment.key
        if fragment.key == self._key:
            return [fragment]
        if isinstance(fragment, ToolCall):
            self._told()
        return []


class TextAlone(Filter):
    """A summary is text: models call, or think aloud, all the same."""

    ignores = frozenset({Text, Usage, ServiceTier, Adapted})

    def feed(self, fragment: Fragment) -> list[Fragment]:
        return [fragment] if isinstance(fragment, Text | Failed) else []


class AnswerTool(Filter):
    """The arguments of the one function that takes the answer are the answer."""

    ignores = BESIDE_CALLS

    def __init__(self, name: str) -> None:
        self._name = name
        self._keys: set[int] = set()

    def feed(self, fragment: Fragment) -> list[Fragment]:
        if isinstance(fragment, ToolCall) and fragment.name == self._name:
            self._keys.add(fragment.key)
            return []
        if isinstance(fragment, ToolArguments) and fragment.key in self._keys:
            return [Text(fragment.delta)]
        return [fragment]


_FENCE = "```"
_LONGEST_LANGUAGE = 256


class Fence(Filter):
    """Takes the Markdown fence off an answer that should have been bare JSON."""

    ignores = BESIDE_TEXT

    def __init__(self) -> None:
        self._inside = False
        self._text = ""

    def feed(self, fragment: Fragment) -> list[Fragment]:
        if not isinstance(fragment, Text):
            return [*self.flush(), fragment]
        self._text += fragment.text
        return self._read_inside() if self._inside else self._read_start(fragment)

    def _read_start(self, fragment: Text) -> list[Fragment]:
        start = self._text.lstrip()
        if start.startswith(_FENCE) and ("\n" in start or len(start) < _LONGEST_LANGUAGE):
            if "\n" not in start:
                return []  # the language after the fence
            self._inside = True
            self._text = start.partition("\n")[2]
            return self._read_inside()
        if _FENCE.startswith(start) and len(self._text) < MOST_SPACE:
            return []
        self.done = True
        text, self._text = self._text, ""
        return [fragment if text == fragment.text else Text(text)]

    def _read_inside(self) -> list[Fragment]:
        """Holds back what may turn out to be the closing fence."""
        bare = self._text.rstrip()
        end = len(bare.rstrip("`").rstrip())
        if len(self._text) - end > MOST_SPACE:
            end = len(self._text)
        sure, self._text = self._text[:end], self._text[end:]
        return [Text(sure)] if sure else []

    def flush(self) -> list[Fragment]:
        text, self._text = self._text, ""
        self.done = True
        if self._inside:
            text = "" if text.strip() in ("", _FENCE) else text
        return [Text(text)] if text else []
