"""`function_call_output`: what a function returned, as text or as parts."""

from __future__ import annotations

from msgspec import Raw

from translators.decode import is_null
from translators.items.item import Item
from translators.items.parts import decode_parts
from translators.messages import MessageBuilder, Output
from translators.schema import chat
from translators.schema.responses import NULL
from translators.tools import ToolMap

SEE_BELOW = "[The output is in the next message.]"


class FunctionCallOutput(Item):
    call_id: str
    output: Raw = NULL

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        """Text stays in the tool message; media, which Chat tool messages cannot hold, follows it."""
        texts: list[str] = []
        media: list[chat.Part] = []
        if not is_null(self.output):
            for located in decode_parts(self.output, f"{at}.output", into.report):
                if located.part.spoken is not None:
                    texts.append(located.part.spoken)
                else:
                    media.append(located.part.to_chat(into.dialect, located.at, into.report))
        text = "\n".join(texts) if texts or not media else SEE_BELOW
        into.add_output(Output(self.call_id, text, media, at))
