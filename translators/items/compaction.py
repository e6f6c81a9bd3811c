"""`compaction`: an earlier part of the conversation, summarised and sealed; and the writer of our own.

The summary is readable by any model: whichever gets the item next is told it as text
(miuuyy/codex-chatgpt-web#249).
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from translators.emitter import Emitter
from translators.items.item import Item
from translators.items.writer import ItemWriter
from translators.messages.builder import MessageBuilder
from translators.messages.pieces import Instruction, UserSpeech
from translators.sealing import Sealer
from translators.tools import ToolMap

UNREADABLE = (
    "[An earlier part of this conversation was summarised by another provider in a form that cannot be read here. "
    "Ask the user for what you need to know of it.]"
)
SUMMARY_FOLLOWS = "[The conversation up to this point was summarised to save space. The summary:]"


class Summary(Struct):
    """What `encrypted_content` holds."""

    v: Literal[1]
    summary: str


class Compaction(Item):
    """A foreign seal cannot be opened: the model is told so, since a refusal would end the session for good."""

    encrypted_content: str | None = None

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        summary = _open(self.encrypted_content or "", into.sealer)
        if summary is not None:
            into.add(UserSpeech(f"{SUMMARY_FOLLOWS}\n\n{summary}"))
            return
        into.report.dropped(f"{at}.encrypted_content", "it was not made here and cannot be read")
        into.add(Instruction(UNREADABLE, "developer"))


def _open(sealed: str, sealer: Sealer) -> str | None:
    content = sealer.open(sealed)
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=Summary).summary
    except (msgspec.DecodeError, UnicodeError):
        return None


class OutputCompaction(Struct, tag_field="type", tag="compaction", frozen=True):
    id: str
    encrypted_content: str


class FinishedCompaction(ItemWriter):
    """A compaction that was made elsewhere, on its way into this output."""

    def __init__(self, out: Emitter, item: OutputCompaction) -> None:
        super().__init__(out, item.id)
        self._item = item

    def snapshot(self, status: str) -> OutputCompaction:
        return OutputCompaction(self.id, "") if status == "in_progress" else self._item


class CompactionWriter(ItemWriter):
    """Gathers the model's text; what it says appears sealed, when it is whole."""

    def __init__(self, out: Emitter, item_id: str, *, sealer: Sealer) -> None:
        super().__init__(out, item_id)
        self._sealer = sealer
        self._pieces: list[str] = []

    @property
    def written(self) -> str:
        return "".join(self._pieces)

    def text(self, delta: str) -> None:
        self._pieces.append(delta)

    def snapshot(self, status: str) -> OutputCompaction:
        if status == "in_progress":
            return OutputCompaction(self.id, "")
        summary = msgspec.json.encode(Summary(1, self.written))
        return OutputCompaction(self.id, self._sealer.seal(summary))
