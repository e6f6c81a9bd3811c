"""`function_call_output` and `custom_tool_call_output`: what a tool returned, as text or as parts."""

from __future__ import annotations

from msgspec import Raw, Struct

from translators.decode import decode_as, is_null, is_object
from translators.items.item import Item
from translators.items.parts import LocatedPart, PlainContent, decode_parts, locate_parts, sole_text
from translators.messages import MessageBuilder, Output
from translators.schema import chat
from translators.schema.responses import NULL
from translators.tools import ToolMap

SEE_BELOW = "[The output is in the next message.]"


class _Wrapped(Struct):
    """The form `{"output": …}` in which some clients hold a result."""

    output: Raw = NULL
    content: Raw = NULL


class _AnyOutput(Item):
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None


class FunctionCallOutput(_AnyOutput):
    output: Raw = NULL

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        into.add_output(read_output(self.output, into, f"{at}.output", Output(self.call_id, at, item_id=self.id)))


class PlainOutput(_AnyOutput):
    output: PlainContent | None = None

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        text = sole_text(self.output)
        output = Output(self.call_id, at, text or "", item_id=self.id)
        if text is None and self.output is not None:
            place_parts(locate_parts(self.output, f"{at}.output"), into, output)
        into.add_output(output)


def read_output(raw: Raw, into: MessageBuilder, at: str, output: Output) -> Output:
    """`raw` is text, parts, or either of them wrapped."""
    if is_object(raw):
        wrapped = decode_as(_Wrapped, raw, at)
        raw = wrapped.content if is_null(wrapped.output) else wrapped.output
    return place_parts([] if is_null(raw) else decode_parts(raw, at, into.report), into, output)


def place_parts(parts: list[LocatedPart], into: MessageBuilder, output: Output) -> Output:
    """Text stays in the tool message; media, which Chat tool messages cannot hold, follows it."""
    texts: list[str] = []
    media: list[chat.Part] = []
    for located in parts:
        text = located.part.spoken
        if text is not None:
            texts.append(text)
        else:
            media.append(located.part.to_chat(into.dialect, located.at, into.report))
    output.text = "\n".join(texts) if texts or not media else SEE_BELOW
    output.media = media
    return output
