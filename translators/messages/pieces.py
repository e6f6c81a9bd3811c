"""The pieces of a conversation: what somebody said, thought, called or answered, without the form of any backend.

`MessageBuilder` collects them; each is placed by its own `place`, so that a new kind is one class here.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from msgspec import Struct

from translators.schema import chat


class Turn(Protocol):
    """What the assistant contributes until somebody else speaks."""

    reasoning: list[Reasoning]

    def say(self, text: chat.Text) -> None: ...

    def refuse(self, text: str) -> None: ...


class Arrangement(Protocol):
    """Where pieces find their places: `expected` outputs are still to come, and `turn` is the assistant's open one."""

    expected: int

    @property
    def turn(self) -> Turn: ...

    def instruct(self, piece: Instruction) -> None: ...

    def hear(self, speech: UserSpeech) -> None: ...

    def call(self, call: Call) -> None: ...

    def close_turn(self) -> None: ...


class Piece(Struct, gc=False):
    """Something somebody contributed; `place` puts it where a Chat server expects it."""

    opens_turn: ClassVar[bool] = False  # somebody else than the model and its tools speaks

    def place(self, messages: Arrangement) -> None:
        raise NotImplementedError


class Instruction(Piece):
    """System or developer text; `role` is the one the client used."""

    opens_turn = True

    text: str
    role: str
    at: str = ""

    def place(self, messages: Arrangement) -> None:
        messages.instruct(self)


class UserSpeech(Piece):
    """`at` is the place of a message that a client may send once more with the outputs of the calls it led to."""

    opens_turn = True

    content: chat.Content
    at: str = ""

    def place(self, messages: Arrangement) -> None:
        messages.hear(self)


class AssistantSpeech(Piece):
    text: chat.Text  # as JSON only where it is not empty

    def place(self, messages: Arrangement) -> None:
        messages.turn.say(self.text)


class AssistantRefusal(Piece):
    text: str

    def place(self, messages: Arrangement) -> None:
        messages.turn.refuse(self.text)


class Reasoning(Piece):
    """What the assistant thought; `details` are the backend's own records of it, and `fields` those of its message,
    to be given back verbatim."""

    text: str
    at: str
    details: list[Any] = []
    fields: dict[str, Any] = {}

    def place(self, messages: Arrangement) -> None:
        messages.turn.reasoning.append(self)


class Output(Piece):
    """What a tool returned; `names_tool` where the client says of which one, as no answer to a call does."""

    call_id: str | None
    at: str
    text: chat.Text = ""
    media: list[chat.Part] = []
    item_id: str | None = None
    names_tool: bool = False

    def place(self, messages: Arrangement) -> None:
        messages.expected -= 1
        messages.close_turn()  # its text already stands behind its call


class Call(Piece):
    id: str
    name: str
    arguments: str
    at: str
    cut: bool = False  # the length limit ended it: its arguments are no JSON
    item_id: str | None = None
    output: Output | None = None
    position: int = 0  # among the pieces
    sent_id: str = ""  # as the upstream gets it, from `place` on
    extra: dict[str, Any] | None = None  # fields that the backend wants back with its call, such as a signature

    def place(self, messages: Arrangement) -> None:
        messages.call(self)
