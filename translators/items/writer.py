"""`ItemWriter`: one output item from its `added` event to its `done` event.

The item in `added`, in `done` and in the final output comes from one writer, so it cannot differ.
"""

from __future__ import annotations

from typing import Any

from translators.emitter import Emitter
from translators.long_text import AnyText
from translators.schema import events


class ItemWriter:
    """Subclasses say what a snapshot of the item is and what is written before it closes."""

    def __init__(self, out: Emitter, item_id: str) -> None:
        self.out = out
        self.id = item_id
        self.index = -1  # its place in the output, from `open` on
        self.final: Any = None  # the item as it stands in the final output; None while open

    @property
    def opened(self) -> bool:
        return self.index >= 0

    @property
    def written(self) -> AnyText:
        """The model's own words in the item so far."""
        return ""

    def open(self, index: int) -> None:
        self.index = index
        if self.out.heard:
            self.out.emit(events.OutputItemAdded, index, self.snapshot("in_progress"))

    def close(self, status: str) -> None:
        """Writes what is left and the `done` event; `status` is `completed` or `incomplete`."""
        self.close_parts()
        self.final = self.snapshot(status)
        self.out.emit(events.OutputItemDone, self.index, self.final)

    def close_parts(self) -> None:
        """Ends whatever is open inside the item."""

    def snapshot(self, status: str) -> Any:
        """Returns the item as it stands now, never changed afterwards."""
        raise NotImplementedError
