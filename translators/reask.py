"""`reask(translation, …)`: the request again, with the calls that broke their grammar and what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from translators.messages import Call, MessageBuilder, Output, Reasoning
from translators.report import Report
from translators.request import Translation
from translators.schema import chat
from translators.tools.dispatch import replay_folded

_WRONG = (
    "The tool did not run: its input does not match its grammar. {problem}\nCall it again with the whole input mended."
)
_NOT_RUN = "The tool did not run. Call it again."


class RejectedCall(Struct, frozen=True):
    """A call that the client has not seen; `problem` is None for one that only came with a wrong one."""

    call_id: str
    chat_name: str
    arguments: str
    problem: str | None


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
    for call in calls:
        builder.add_call(Call(call.call_id, call.chat_name, call.arguments, "answer"))
    for call in calls:
        text = _NOT_RUN if call.problem is None else _WRONG.format(problem=call.problem)
        builder.add_output(Output(call.call_id, "answer", text))
    messages = builder.build()
    replay_folded(messages, translation.behind)
    request = msgspec.structs.replace(translation.chat, messages=[*translation.chat.messages, *messages])
    return msgspec.structs.replace(translation, chat=request)
