"""The writer of `image_generation_call`: an image that the model itself made, in its answer."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from translators.emitter import Emitter
from translators.items.writer import ItemWriter
from translators.long_text import AnyText, as_long
from translators.schema import events


class OutputImage(Struct, tag_field="type", tag="image_generation_call", frozen=True):
    """`result` is the image in base64."""

    id: str
    status: str
    result: AnyText | None = None
    output_format: str | UnsetType = UNSET


class ImageWriter(ItemWriter):
    """It arrives whole, so that all of its events follow one another."""

    def __init__(self, out: Emitter, item_id: str, content: str, output_format: str) -> None:
        super().__init__(out, item_id)
        self._content = as_long(content)
        self._format = output_format

    def open(self, index: int) -> None:
        super().open(index)
        self.out.emit(events.ImageGenerationCallInProgress, index, self.id)
        self.out.emit(events.ImageGenerationCallGenerating, index, self.id)

    def close_parts(self) -> None:
        self.out.emit(events.ImageGenerationCallCompleted, self.index, self.id)

    def snapshot(self, status: str) -> OutputImage:
        if status == "in_progress":
            return OutputImage(self.id, status)
        return OutputImage(self.id, status, self._content, self._format)
