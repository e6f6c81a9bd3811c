"""`Wire`: the protocol that an upstream speaks; `CHAT` is Chat Completions, and the first of them.

A wire is all that knows how a question becomes a request's path and body, and how the body of an answer is read. What
an answer means is the same for every wire from the fragments on (`translators.answering.fragments`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from proxy.transports import Answer
from proxy.upstream.body import AnswerBody, ChatAnswer
from translators.asking.parse import ParsedRequest
from translators.asking.tail import Tail
from translators.asking.translate import Settings, Translation, to_chat
from translators.dialects import Dialect
from translators.items.item import Item
from translators.limits import AnswerLimits


class Question(Struct, frozen=True):
    """What the model is asked, in nobody's dialect: a request behind the `history` that it continues, and behind it the
    `tail`, which is what the model has said in this response already.

    It can be translated as often as there are attempts, and says the same each time.
    """

    parsed: ParsedRequest
    history: Sequence[Item] = ()
    tail: Tail = ()

    def going_on(self, pieces: Tail) -> Question:
        """The same question behind one answer more."""
        return msgspec.structs.replace(self, tail=(*self.tail, *pieces)) if pieces else self

    @property
    def size(self) -> int:
        """Bytes of the input, which is what the time of a translation grows with."""
        return memoryview(self.parsed.params.input).nbytes

    def __repr__(self) -> str:
        tail = f", {len(self.tail)} pieces said since" if self.tail else ""
        return f"Question(of {self.size} bytes behind {len(self.history)} items{tail})"


class Wire(Protocol):
    @property
    def name(self) -> str:
        """As the setting `wire` calls it."""

    def path(self, dialect: Dialect) -> str:
        """What comes behind the base URL of an upstream, query included."""

    def translate(self, question: Question, dialect: Dialect, settings: Settings) -> Translation:
        """The question as an upstream of this dialect is asked it. Raises InvalidRequest."""

    def body(self, translation: Translation) -> bytes:
        """The bytes that go upstream."""

    def reader(self, answer: Answer, limits: AnswerLimits) -> AnswerBody:
        """What reads the body of an answer with status 200."""


class ChatWire:
    """Chat Completions, as every backend knows it."""

    name = "chat"

    def path(self, dialect: Dialect) -> str:
        return f"{dialect.path}?{urlencode(dialect.query)}" if dialect.query else dialect.path

    def translate(self, question: Question, dialect: Dialect, settings: Settings) -> Translation:
        return to_chat(question.parsed, dialect, settings, question.history, question.tail)

    def body(self, translation: Translation) -> bytes:
        return translation.body()

    def reader(self, answer: Answer, limits: AnswerLimits) -> AnswerBody:
        return ChatAnswer(answer, limits)


CHAT = ChatWire()
