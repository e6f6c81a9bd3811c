"""Fragments: what an answer says, piece by piece and in one meaning each, however its backend spells it.

`reading.ChatReader` makes them of chunks, filters change them, `stream` turns them into events.
"""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Struct

from translators.answering.counts import Counts
from translators.errors import UpstreamError
from translators.report import Adaptation
from translators.schema import chat


class Text(Struct, frozen=True):
    text: str
    logprobs: list[chat.TokenLogprob] | None = None


class Refusal(Struct, frozen=True):
    text: str


class Reasoning(Struct, frozen=True):
    text: str


class ReasoningDetails(Struct, frozen=True):
    """A backend's own records of the thought (OpenRouter, MiniMax), which it wants back as they were."""

    details: list[Any]


class Kept(Struct, frozen=True):
    """Fields of its message that a backend wants back there, such as signatures.

    `reasoning_text` is None: the thought came in that field, and goes back in it.
    """

    fields: dict[str, Any]


class Image(Struct, frozen=True):
    """An image that the model made: base64, and its format as in `image/png`."""

    content: str
    format: str


class Annotation(Struct, frozen=True):
    annotation: dict[str, Any]


class ToolCall(Struct, frozen=True):
    """A call begins: its name is whole. `key` tells the calls of one answer apart."""

    key: int
    id: str | None
    name: str
    # Fields that the backend wants back with the call, such as Gemini's thought signature in `extra_content`.
    extra: dict[str, Any] | None = None


class CallExtra(Struct, frozen=True):
    """The same of a call that has begun already."""

    key: int
    extra: dict[str, Any]


class ToolArguments(Struct, frozen=True):
    key: int
    delta: str


class Usage(Struct, frozen=True):
    usage: Counts


class ServiceTier(Struct, frozen=True):
    tier: str


class Finish(Struct, frozen=True):
    reason: str


class Failed(Struct, frozen=True):
    error: UpstreamError


class Adapted(Struct, frozen=True):
    """What became of a part of the answer that has no place in a response; `spoken` if it was meant for people."""

    adaptation: Adaptation
    spoken: bool = False


class Run(Struct, frozen=True):
    """Fragments `of` one kind that came together and follow one another: `singles()`, with the `texts` in them."""

    of: ClassVar[type[Struct]]
    texts: list[str]

    def singles(self) -> list[Fragment]:
        raise NotImplementedError


class TextRun(Run, frozen=True):
    of = Text

    def singles(self) -> list[Fragment]:
        return [Text(text) for text in self.texts]


class ReasoningRun(Run, frozen=True):
    of = Reasoning

    def singles(self) -> list[Fragment]:
        return [Reasoning(text) for text in self.texts]


class ArgumentsRun(Run, frozen=True):
    of = ToolArguments
    key: int

    def singles(self) -> list[Fragment]:
        return [ToolArguments(self.key, text) for text in self.texts]


Fragment = (
    Text
    | Refusal
    | Reasoning
    | ReasoningDetails
    | Kept
    | Image
    | Annotation
    | ToolCall
    | CallExtra
    | ToolArguments
    | Usage
    | ServiceTier
    | Finish
    | Failed
    | Adapted
    | TextRun
    | ReasoningRun
    | ArgumentsRun
)
