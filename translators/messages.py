"""`MessageBuilder`: the pieces of a conversation, in order, into the messages of a Chat request.

1. The assistant's pieces of one turn (reasoning, text, calls) become one assistant message.
2. Every call is followed directly by its output; an output without its call is refused.
3. Media in tool outputs moves to a user message behind the outputs of that turn.
4. The result of a longer conversation begins with the result of a shorter one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import UNSET, Struct

from translators.decode import read_text
from translators.dialects import Dialect
from translators.dialects.arrange import arrange, content_of
from translators.dialects.call_ids import CALL_ID_FORMS
from translators.dialects.replay import carry_extra, replay_reasoning
from translators.errors import InvalidRequest
from translators.report import Report
from translators.schema import chat
from translators.sealing import PLAIN, Sealer

# An interrupted turn leaves a call without output; strict servers would refuse the thread for ever.
NO_OUTPUT = "[No output: the call was interrupted before it returned.]"


class Piece(Struct, gc=False):
    """Something somebody contributed; `place` puts it where a Chat server expects it."""

    def place(self, messages: _Arrangement) -> None:
        raise NotImplementedError


class Instruction(Piece):
    """System or developer text; `role` is the one the client used."""

    text: str
    role: str

    def place(self, messages: _Arrangement) -> None:
        messages.instruct(self)


class UserSpeech(Piece):
    content: chat.Content

    def place(self, messages: _Arrangement) -> None:
        messages.close_turn()
        messages.done.append(chat.UserMessage(self.content))


class AssistantSpeech(Piece):
    text: chat.Text  # as JSON only where it is not empty

    def place(self, messages: _Arrangement) -> None:
        messages.turn.say(self.text)


class AssistantRefusal(Piece):
    text: str

    def place(self, messages: _Arrangement) -> None:
        messages.turn.refuse(self.text)


class Reasoning(Piece):
    """What the assistant thought; `details` are the backend's own records of it, to be given back verbatim."""

    text: str
    at: str
    details: list[Any] = []

    def place(self, messages: _Arrangement) -> None:
        messages.turn.reasoning.append(self)


class Output(Piece):
    call_id: str | None
    at: str
    text: chat.Text = ""
    media: list[chat.Part] = []
    item_id: str | None = None

    def place(self, messages: _Arrangement) -> None:
        messages.close_turn()  # its text already stands behind its call


class Call(Piece):
    id: str
    name: str
    arguments: str
    at: str
    cut: bool = False  # the length limit ended it: its arguments are no JSON
    item_id: str | None = None
    output: Output | None = None
    extra: Any = None  # what the backend put on its call and wants back, such as a signature

    def place(self, messages: _Arrangement) -> None:
        messages.call(self)


class MessageBuilder:
    """Collects pieces by `add`; `build` arranges them for one dialect."""

    def __init__(self, dialect: Dialect, report: Report, *, sealer: Sealer = PLAIN, model: str = "") -> None:
        self.dialect = dialect
        self.report = report
        self.sealer = sealer
        self.model = model
        self.extras: dict[str, Any] = {}  # by call id, what a backend wants back with each call
        self._pieces: list[Piece] = []
        self.add: Callable[[Piece], None] = self._pieces.append
        self._open_calls: dict[str, Call] = {}
        self._unnamed_calls = 0

    def add_call(self, call: Call) -> None:
        call.extra = self.extras.get(call.id)
        self._open_calls[call.id] = call
        self._pieces.append(call)

    def unnamed_call(self) -> str:
        """An id for a call that came without one, the same whenever the same history comes again."""
        self._unnamed_calls += 1
        return f"call_{self._unnamed_calls}"

    def add_output(self, output: Output) -> None:
        """Pairs an output with the latest open call of its id. Raises InvalidRequest where there is none.

        An output without a `call_id` answers the call whose own or whose item's id it bears, else the first open one.
        """
        call = self._open_calls.pop(output.call_id or self._answered_by(output), None)
        if call is None:
            raise InvalidRequest(
                f"No tool call found for function call output with call_id {output.call_id}.",
                param=f"{output.at}.call_id",
            )
        call.output = output
        self._pieces.append(output)

    def _answered_by(self, output: Output) -> str:
        for call in self._open_calls.values():
            if output.item_id is not None and output.item_id in (call.id, call.item_id):
                return call.id
        return next(iter(self._open_calls), "")

    def build(self) -> list[chat.Message]:
        arrangement = _Arrangement(self.dialect, self.report)
        for piece in self._pieces:
            piece.place(arrangement)
        arrangement.close_turn()
        return arrange(arrangement.finish(), self.dialect)


class _Arrangement:
    """The messages so far and the assistant's turn that is still open."""

    def __init__(self, dialect: Dialect, report: Report) -> None:
        self.done: list[chat.Message] = []
        self.turn = _Turn()
        self._leading: list[str] = []
        self._dialect = dialect
        self._report = report
        self._id_form = CALL_ID_FORMS[dialect.tool_call_id]

    def instruct(self, piece: Instruction) -> None:
        self.close_turn()
        if self._dialect.system_placement == "anywhere":
            native = piece.role == "developer" and self._dialect.developer_role
            self.done.append((chat.DeveloperMessage if native else chat.SystemMessage)(piece.text))
        elif self.done:
            # Moving it to the front would change the bytes that prefix caches hold (case M03).
            self.done.append(chat.UserMessage(f"<{piece.role}_message>\n{piece.text}\n</{piece.role}_message>"))
        else:
            self._leading.append(piece.text)

    def call(self, call: Call) -> None:
        if call.cut and call.output is None:
            self._report.dropped(call.at, "the call was cut short and nothing answered it")
        else:
            self.turn.call(call)

    def close_turn(self) -> None:
        """Appends the open turn's assistant message, its outputs and their media."""
        turn = self.turn
        if turn.texts or turn.calls or turn.refusals:
            self.done.append(turn.message(self._dialect, self._id_form))
        elif turn.reasoning:
            self._report.dropped(turn.reasoning[0].at, "reasoning without the message or call it led to")
        else:
            return  # nobody has spoken since the last one
        self.turn = _Turn()
        media: list[chat.Part] = []
        for call in turn.calls:
            self.done.append(self._tool_message(call))
            if call.output is not None and call.output.media:
                media += call.output.media
        if media:
            self.done.append(chat.UserMessage(content_of(media, self._dialect)))

    def _tool_message(self, call: Call) -> chat.ToolMessage:
        if call.output is None:
            self._report.emulated(call.at, f"no output for call {call.id}; a placeholder stands in its place")
        text = NO_OUTPUT if call.output is None else call.output.text
        name = call.name if self._dialect.tool_name_field else UNSET
        return chat.ToolMessage(self._id_form(call.id), text, name)

    def finish(self) -> list[chat.Message]:
        if self._leading:
            return [chat.SystemMessage("\n\n".join(self._leading)), *self.done]
        return self.done


class _Turn(Struct, gc=False):
    """What the assistant contributed since somebody else last did."""

    reasoning: list[Reasoning] = []
    calls: list[Call] = []
    texts: list[chat.Text] = []
    refusals: list[str] = []
    spoke_last: bool = False

    def say(self, text: chat.Text) -> None:
        # Two messages in a row are two things said; around a call they were one stream of text.
        if self.spoke_last and text and self.texts[-1]:
            self.texts.append("\n\n")
        self.texts.append(text)
        self.spoke_last = True

    def refuse(self, text: str) -> None:
        self.refusals.append(text)

    def call(self, call: Call) -> None:
        self.calls.append(call)
        self.spoke_last = False

    def _text(self) -> chat.Text:
        return self.texts[0] if len(self.texts) == 1 else "".join(map(read_text, self.texts))

    def message(self, dialect: Dialect, id_form: Callable[[str], str]) -> chat.AssistantMessage:
        message = chat.AssistantMessage()
        text = self._text()
        refusal = "".join(self.refusals)
        if refusal and dialect.refusal_field:
            message.refusal = refusal
        elif refusal:
            text = read_text(text) + refusal
        if text or (not self.calls and not refusal):
            message.content = text
        elif dialect.empty_content != "omit":
            message.content = "" if dialect.empty_content == "empty" else None
        if self.calls:
            message.tool_calls = [
                chat.ToolCall(id_form(call.id), chat.FunctionCall(call.name, call.arguments)) for call in self.calls
            ]
            if dialect.tool_extra:
                for index, (call, sent) in enumerate(zip(self.calls, message.tool_calls, strict=True)):
                    carry_extra(sent, call.extra, dialect, first=index == 0)
        if dialect.reasoning_replay != "never":
            thought = "".join(piece.text for piece in self.reasoning)
            details = [detail for piece in self.reasoning for detail in piece.details]
            replay_reasoning(message, thought, details, dialect)
        return message
