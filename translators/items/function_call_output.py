"""`function_call_output` and `custom_tool_call_output`: what a tool returned, as text or as parts.

Few servers take an image in a tool message, and one that is refused ends the thread (sgl-project/sglang#34927).
"""

from __future__ import annotations

from msgspec import Raw, Struct

from translators.decode import decode_as, is_null, is_object, is_string
from translators.items.item import Item
from translators.items.parts import decode_parts
from translators.messages.builder import SEE_BELOW, MessageBuilder
from translators.messages.pieces import Output
from translators.schema import chat
from translators.schema.responses import NULL
from translators.tools import ToolMap


class _Wrapped(Struct):
    """The form `{"output": …}` in which some clients hold a result."""

    output: Raw = NULL
    content: Raw = NULL


class FunctionCallOutput(Item):
    is_read = False

    call_id: str | None = None
    output: Raw = NULL
    name: str | None = None
    namespace: str | None = None

    @property
    def unread(self) -> Raw | None:
        return None if is_string(self.output) else self.output

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        names_tool = self.name is not None or self.namespace is not None
        output = Output(self.call_id, at, self.output, item_id=self.id, names_tool=names_tool)
        into.add_output(output if is_string(self.output) else read_output(self.output, into, f"{at}.output", output))


def read_output(raw: Raw, into: MessageBuilder, at: str, output: Output) -> Output:
    """Fills `output`: text stays in the tool message; media, which Chat tool messages cannot hold, follows it.

    A text goes on as the JSON it is: most of a long history is such texts, and need be neither unescaped nor copied.
    """
    if is_string(raw):
        output.text = raw
        return output
    if is_object(raw):
        wrapped = decode_as(_Wrapped, raw, at)
        raw = wrapped.content if is_null(wrapped.output) else wrapped.output
    texts: list[str] = []
    media: list[chat.Part] = []
    if not is_null(raw):
        for located in decode_parts(raw, at, into.report):
            text = located.part.spoken
            if text is not None:
                texts.append(text)
            else:
                media.append(located.part.to_chat(into.dialect, located.at, into.report))
    output.text = "\n".join(texts) if texts or not media else SEE_BELOW
    output.media = media
    return output
