"""`Writers`: the writer of each item of one response, made as its request wants it."""

from __future__ import annotations

from collections.abc import Callable

from translators import kinds
from translators.answering import fragments
from translators.asking.params import ENCRYPTED_REASONING, wants_logprobs
from translators.asking.translate import Translation
from translators.emitter import Emitter
from translators.errors import bounded
from translators.ids import CALL
from translators.items.call_writer import CallWriter
from translators.items.compaction import CompactionWriter
from translators.items.function_call import FunctionCallWriter
from translators.items.image import ImageWriter
from translators.items.message import MessageWriter
from translators.items.reasoning import ReasoningWriter
from translators.items.refused_call import RefusedCallWriter
from translators.opaque import Kept, Opaque, pack
from translators.report import Adaptation, Told
from translators.tools import ToolName

NewId = Callable[[str], str]


class Writers:
    """`translation` is what the answer at hand is to."""

    def __init__(
        self, translation: Translation, out: Emitter, new_id: NewId, told: Told, *, reads_refusals: bool
    ) -> None:
        self.translation = translation
        self.reads_refusals = reads_refusals
        self.with_logprobs = wants_logprobs(translation.params)
        self._out = out
        self._new_id = new_id
        self._told = told

    def message(self) -> MessageWriter:
        return MessageWriter(
            self._out, self._id_of("message"), with_logprobs=self.with_logprobs, reads_refusals=self.reads_refusals
        )

    def reasoning(self) -> ReasoningWriter:
        params, thoughts = self.translation.params, self.translation.thoughts
        wanted = params.reasoning
        asked = wanted is not None and bool(wanted.summary or wanted.generate_summary)
        return ReasoningWriter(
            self._out,
            self._id_of("reasoning"),
            summarized=asked if thoughts == "as_asked" else thoughts == "summary",
            sealed=ENCRYPTED_REASONING in (params.include or ()),
            pack=self._pack,
        )

    def image(self, image: fragments.Image) -> ImageWriter:
        return ImageWriter(self._out, self._id_of("image_generation_call"), image.content, image.format)

    def summary(self) -> CompactionWriter:
        return CompactionWriter(self._out, self._id_of("compaction"), sealer=self.translation.sealer)

    def tool(self, chat_name: str) -> ToolName:
        """What the model called by that name."""
        tools = self.translation.tools
        tool = tools.nearest(chat_name)
        if tool is None:
            return tools.client_name(chat_name)
        reason = f"the model called '{bounded(chat_name)}', which can only be '{tool.name}'"
        self._told.add_part(Adaptation("changed", "tools", reason))
        return tool

    def call(self, tool: ToolName, call_id: str) -> CallWriter:
        tools = self.translation.tools
        kind = kinds.KINDS.call_of(tool)
        item_id = self._new_id(kind.prefix)
        if not tools.allows(tool):
            return RefusedCallWriter(self._out, item_id, call_id, tool, None)
        writer = kind.writer(self._out, item_id, call_id, tool, tools.grammars.get(tool))
        if tool in tools.marked_encrypted and isinstance(writer, FunctionCallWriter):
            writer.plain_args_told = True
        return writer

    def unused_call_id(self, said: str | None, used: set[str]) -> str:
        """The upstream's own, unless it has used it for another call of this answer."""
        call_id = said or self._new_id(CALL)
        while call_id in used:
            call_id = self._new_id(CALL)
        return call_id

    def _id_of(self, item_type: str) -> str:
        return self._new_id(kinds.KINDS.prefix_of(item_type))

    def _pack(self, text: str, kept: Kept) -> str:
        """The `encrypted_content` of a thought."""
        translation = self.translation
        opaque = Opaque.of(kept, model=translation.chat.model, dialect=translation.dialect, text=text)
        return pack(opaque, translation.sealer)
