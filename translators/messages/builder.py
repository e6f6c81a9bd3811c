"""`MessageBuilder`: the pieces of a conversation, in order, into the messages of a Chat request.

1. The assistant's pieces of one turn (reasoning, text, calls) become one assistant message.
2. Every call is followed directly by its output; an output without its call is refused. No call id comes twice.
3. Media in tool outputs moves to a user message behind the outputs of that turn.
4. The result of a longer conversation begins with the result of a shorter one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from translators.decode import read_text
from translators.dialects import Dialect
from translators.dialects.arrange import arrange, content_of
from translators.dialects.call_ids import CALL_ID_FORMS
from translators.dialects.replay import carry_extra, carry_fields, replay_reasoning
from translators.errors import InvalidRequest, bounded
from translators.messages.pairing import Pairing
from translators.messages.pieces import Call, Instruction, Output, Piece, Reasoning, UserSpeech
from translators.report import Report
from translators.schema import chat
from translators.sealing import PLAIN, Sealer

# Stands in a tool message whose output is media, which follows it.
SEE_BELOW = "[The output is in the next message.]"
# An interrupted turn leaves a call without output; strict servers would refuse the thread for ever.
NO_OUTPUT = "[No output: the call was interrupted before it returned.]"


class MessageBuilder:
    """Collects pieces by `add`; `build` arranges them for one dialect."""

    def __init__(self, dialect: Dialect, report: Report, *, sealer: Sealer = PLAIN, model: str = "") -> None:
        self.dialect = dialect
        self.report = report
        self.sealer = sealer
        self.model = model
        self._extras: dict[str, dict[str, Any]] = {}  # by call id, the fields that a backend wants back with each call
        self.taken: set[str] = set()  # the call ids of messages that the built ones will follow
        self._pieces: list[Piece] = []
        self.add: Callable[[Piece], None] = self._pieces.append
        self._paired: Pairing | None = None
        self._unnamed_calls = 0

    @property
    def _pairing(self) -> Pairing:
        """Made with the first call or output: most conversations have some, and many requests none."""
        if self._paired is None:
            self._paired = Pairing(self._pieces)
        return self._paired

    def add_call(self, call: Call) -> None:
        call.extra = self._extras.pop(call.id, None)
        self._pairing.open(call)
        self._pieces.append(call)

    def keep_extras(self, extras: dict[str, dict[str, Any]]) -> None:
        """Fields for the calls that follow, and for those of the same turn that came before: signatures may be late."""
        for call_id, extra in extras.items():
            call = self._pairing.begun(call_id)
            if call is None:
                self._extras[call_id] = extra
            else:
                call.extra = extra

    def unnamed_call(self) -> str:
        """An id for a call that came without one, the same whenever the same history comes again."""
        self._unnamed_calls += 1
        return f"call_{self._unnamed_calls}"

    def add_output(self, output: Output) -> None:
        """Pairs an output with its call (see `Pairing`). Raises InvalidRequest where there is none.

        One that answers a call once more is left out. One that is nobody's answer but names a tool was put there by
        a client, as Codex Desktop does with heartbeats and messages between threads: a user says it.
        """
        if self._pairing.answer(output):
            self._pieces.append(output)
        elif (call := self._pairing.answered(output)) is not None and call.output is not None:
            same = read_text(output.text) == read_text(call.output.text)
            tell = self.report.ignored if same else self.report.dropped
            tell(output.at, f"call {bounded(call.id)} has its output already")
        elif output.names_tool:
            self.report.changed(output.at, "it answers no call: a user message says it")
            self._pieces.append(UserSpeech(self._said(output)))
        else:
            raise InvalidRequest(
                f"No tool call found for function call output with call_id {bounded(output.call_id)}.",
                param=f"{output.at}.call_id",
            )

    def _said(self, output: Output) -> chat.Content:
        if not output.media:
            return output.text
        text = read_text(output.text)
        said: list[chat.Part] = [chat.TextPart(text)] if text and text != SEE_BELOW else []
        return content_of([*said, *output.media], self.dialect)

    def build(self, behind: Sequence[chat.Message] = ()) -> list[chat.Message]:
        """The messages, with those `behind` which they stand."""
        arrangement = _Arrangement(self.dialect, self.report, self._paired, self.taken)
        for piece in self._pieces:
            piece.place(arrangement)
        arrangement.close_turn()
        messages = arrangement.finish()
        return arrange([*behind, *messages] if behind else messages, self.dialect)


class _Arrangement:
    """The messages so far and the assistant's turn that is still open."""

    def __init__(self, dialect: Dialect, report: Report, pairing: Pairing | None, taken: set[str]) -> None:
        self.done: list[chat.Message] = []
        self.turn = _Turn()
        self.expected = 0  # outputs of calls so far that are still to come
        self._leading: list[str] = []
        self._dialect = dialect
        self._report = report
        self._pairing = pairing
        self._id_form = CALL_ID_FORMS[dialect.tool_call_id]
        self._ids = set(taken)
        self._repeats: dict[str, int] = {}
        self._question: set[str | bytes] = set()  # what was said since the last answer, as far as anybody asked
        self._heard = 0  # the messages that were looked at for it

    def hear(self, speech: UserSpeech) -> None:
        if self.expected and speech.at and self._is_asked_again(speech):
            # Semantic Kernel sends the question again with every output; behind the output it would be a new one.
            self._report.ignored(speech.at, "the message was sent again, between a call and its output")
            return
        self.close_turn()
        self.done.append(chat.UserMessage(speech.content))

    def _is_asked_again(self, speech: UserSpeech) -> bool:
        for message in self.done[self._heard :]:
            if isinstance(message, chat.UserMessage):
                self._question.add(_key(message.content))
            elif isinstance(message, chat.AssistantMessage) and not message.tool_calls:
                self._question.clear()
        self._heard = len(self.done)
        return _key(speech.content) in self._question

    def instruct(self, piece: Instruction) -> None:
        if self.expected and piece.at and piece.text in self._leading:
            self._report.ignored(piece.at, "the message was sent again, between a call and its output")
            return
        self.close_turn()
        if self._dialect.system_placement == "anywhere":
            native = piece.role == "developer" and self._dialect.developer_role
            self.done.append((chat.DeveloperMessage if native else chat.SystemMessage)(piece.text))
        elif self.done:
            # Moving it to the front would change the bytes that prefix caches hold (can1357/oh-my-pi#958).
            self.done.append(chat.UserMessage(f"<{piece.role}_message>\n{piece.text}\n</{piece.role}_message>"))
        else:
            self._leading.append(piece.text)

    def call(self, call: Call) -> None:
        if call.output is not None:
            self.expected += 1
        elif call.cut:
            self._report.dropped(call.at, "the call was cut short and nothing answered it")
            return
        elif self._pairing is not None and self._pairing.is_sent_again(call):
            self._report.ignored(call.at, f"call {bounded(call.id)} was sent again")
            return
        call.sent_id = self._unused_id(call)
        self.turn.call(call)

    def _unused_id(self, call: Call) -> str:
        """The call's own id in the upstream's form; one that was used gets a number, the same in every longer history.

        Kimi and others count their calls anew in each turn, and many upstreams refuse an id that comes twice.
        """
        sent = self._id_form(call.id)
        if sent in self._ids:
            while sent in self._ids:
                number = self._repeats[call.id] = self._repeats.get(call.id, 1) + 1
                sent = self._id_form(f"{call.id}_{number}")
            self._report.changed(f"{call.at}.call_id", "a call before it has this id: it gets a number upstream")
        self._ids.add(sent)
        return sent

    def close_turn(self) -> None:
        """Appends the open turn's assistant message, its outputs and their media."""
        turn = self.turn
        if turn.texts or turn.calls or turn.refusals:
            self.done.append(turn.message(self._dialect))
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
            self._report.emulated(call.at, f"no output for call {bounded(call.id)}; a placeholder stands in its place")
        text = NO_OUTPUT if call.output is None else call.output.text
        name = call.name if self._dialect.tool_name_field else UNSET
        return chat.ToolMessage(call.sent_id, text, name)

    def finish(self) -> list[chat.Message]:
        if self._leading:
            return [chat.SystemMessage("\n\n".join(self._leading)), *self.done]
        return self.done


def _key(content: chat.Content) -> str | bytes:
    """What tells whether two messages say the same."""
    return read_text(content) if isinstance(content, chat.Text) else msgspec.json.encode(content)


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

    def message(self, dialect: Dialect) -> chat.AssistantMessage:
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
                chat.ToolCall(call.sent_id, chat.FunctionCall(call.name, call.arguments)) for call in self.calls
            ]
            if dialect.tool_extra or any(call.extra for call in self.calls):
                for index, (call, sent) in enumerate(zip(self.calls, message.tool_calls, strict=True)):
                    carry_extra(sent, call.extra, dialect, first=index == 0)
        self._think(message, dialect)
        return message

    def _think(self, message: chat.AssistantMessage, dialect: Dialect) -> None:
        texts = [
            carry_fields(message, piece.fields, piece.text) if piece.fields and dialect.message_extras else piece.text
            for piece in self.reasoning
        ]
        if dialect.reasoning_replay != "never":
            details = [detail for piece in self.reasoning for detail in piece.details]
            replay_reasoning(message, "".join(texts), details, dialect)
