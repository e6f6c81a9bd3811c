"""`reask(translation, …)`: the request again, with the calls that cannot stand and what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from translators.asking.translate import Translation
from translators.messages.builder import MessageBuilder
from translators.messages.pieces import Call, Output, Reasoning
from translators.report import Report
from translators.schema import chat
from translators.tools.dispatch import replay_folded

_WRONG = (
    "The tool did not run: its input does not match its grammar. {problem}\nCall it again with the whole input mended."
)
_NOT_RUN = "The tool did not run. Call it again."
_NOT_ALLOWED = "The tool did not run: it may not be called now. {others}"
_ALLOWED = "Only these may: {names}."
_NONE_ALLOWED = "No tool may be called: answer without a call."


class RejectedCall(Struct, frozen=True):
    """A call that the client has not seen; `problem` is None for one that only came with a wrong one.

    One that is not `allowed` is of a tool that the request does not let the model call.
    """

    call_id: str
    chat_name: str
    arguments: str
    problem: str | None
    allowed: bool = True
    extra: dict[str, Any] | None = None  # what the backend wants back with it

    def told(self, allowed_names: Sequence[str]) -> str:
        """The output that the model gets in the place of the tool's."""
        if not self.allowed:
            others = _ALLOWED.format(names=", ".join(allowed_names)) if allowed_names else _NONE_ALLOWED
            return _NOT_ALLOWED.format(others=others)
        return _NOT_RUN if self.problem is None else _WRONG.format(problem=self.problem)


def reask(translation: Translation, calls: Sequence[RejectedCall], thought: str) -> Translation:
    """`thought` is what the model thought before the calls: some upstreams want it back with them."""
    builder = MessageBuilder(translation.dialect, Report())
    builder.taken = {
        sent.id
        for message in translation.chat.messages
        if isinstance(message, chat.AssistantMessage)
        for sent in message.tool_calls or ()
    }
    if thought:
        builder.add(Reasoning(thought, "answer"))
    builder.keep_extras({call.call_id: call.extra for call in calls if call.extra})
    for call in calls:
        builder.add_call(Call(call.call_id, call.chat_name, call.arguments, "answer"))
    allowed_names = translation.tools.allowed_names
    for call in calls:
        builder.add_output(Output(call.call_id, "answer", call.told(allowed_names)))
    messages = builder.build()
    replay_folded(messages, translation.behind)
    request = msgspec.structs.replace(translation.chat, messages=[*translation.chat.messages, *messages])
    return msgspec.structs.replace(translation, chat=request)
