"""`Tail`: what has been said in a response so far, for the model that is to go on with it.

A response may take more than one answer of the model. The next request is the same question with a tail: the words,
thoughts and calls of the answers before, and what became of those calls. Pieces of a tail know no dialect, so that a
request can be translated anew at any time, for another dialect or another upstream, and lose nothing.

The messages of a tail stand behind those of the request and change none of them: the next request begins with the bytes
of the one before it (invariant R9).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from translators.dialects import Dialect
from translators.messages.builder import MessageBuilder
from translators.messages.pieces import Call, Output
from translators.report import Report
from translators.schema import chat
from translators.sealing import Sealer
from translators.tools import ToolMap, ToolName
from translators.tools.repair import as_object

_AT = "answer"  # the path of what stands in no request
_WRONG = (
    "The tool did not run: its input does not match its grammar. {problem}\nCall it again with the whole input mended."
)
_NOT_RUN = "The tool did not run. Call it again."
_NOT_ALLOWED = "The tool did not run: it may not be called now. {others}"
_ALLOWED = "Only these may: {names}."
_NONE_ALLOWED = "No tool may be called: answer without a call."


class Said(Protocol):
    """A piece of a tail; every item of an output is one, too (`items.item.Item`)."""

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        """Adds what was said to `into`; `tools` gives the names under which this upstream knows the tools."""


Tail = Sequence[Said]


class RejectedCall(Struct, frozen=True):
    """A call that the client has not seen; `problem` is None for one that only came with a wrong one.

    One that is not `allowed` is of a tool that the request does not let the model call. `extra` holds the fields that
    the backend wants back with it.
    """

    call_id: str
    tool: ToolName
    arguments: str
    problem: str | None
    allowed: bool = True
    extra: dict[str, Any] | None = None

    def told(self, tools: ToolMap) -> str:
        """The output that the model gets in the place of the tool's."""
        if not self.allowed:
            names = tools.allowed_names
            return _NOT_ALLOWED.format(others=_ALLOWED.format(names=", ".join(names)) if names else _NONE_ALLOWED)
        return _NOT_RUN if self.problem is None else _WRONG.format(problem=self.problem)


class RejectedCalls(Struct, frozen=True):
    """The calls of one answer, none of which stands; `model` made them in the dialect of that name."""

    calls: Sequence[RejectedCall]
    model: str
    dialect: str

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        """Extras go to the model that made them alone, as those of items do (`items.reasoning`)."""
        if into.model == self.model and (into.dialect.name == self.dialect or into.dialect.tool_extra):
            into.keep_extras({call.call_id: call.extra for call in self.calls if call.extra})
        for call in self.calls:
            name = tools.chat_name(call.tool.name, call.tool.namespace, call.tool.kind)
            arguments, _ = as_object(call.arguments)
            into.add_call(Call(call.call_id, name, arguments, at))
        for call in self.calls:
            into.add_output(Output(call.call_id, at, call.told(tools)))


def put_behind(
    messages: list[chat.Message], tail: Tail, tools: ToolMap, dialect: Dialect, *, sealer: Sealer, model: str
) -> list[chat.Message]:
    """`messages` and those of `tail` behind them. What cannot be carried over of a tail is not the client's to hear."""
    builder = MessageBuilder(dialect, Report(), sealer=sealer, model=model)
    builder.taken = {
        sent.id
        for message in messages
        if isinstance(message, chat.AssistantMessage)
        for sent in message.tool_calls or ()
    }
    for said in tail:
        said.replay(builder, tools, _AT)
    return builder.build(behind=messages)
