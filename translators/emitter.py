"""`Emitter`: the one place that numbers events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from translators.schema.events import AnyEvent, DeltaRun, Event


class Emitter:
    """Collects the events of one response, if anybody hears them; `take` hands over those since the last call.

    `next` is the number of the next event; `last_run` is the run that the last events were: their model, and where the
    texts of such a run are kept. Where nobody hears there are no events, and whoever has to make something for one
    alone can spare it.
    """

    __slots__ = ("_batch", "heard", "last_run", "next")

    def __init__(self, *, heard: bool = True) -> None:
        self.heard = heard
        self.last_run: tuple[Event, list[str]] | None = None
        self.next = 0
        self._batch: list[AnyEvent] = []

    def emit(self, kind: Callable[..., Event], *fields: Any) -> None:
        """Appends an event of `kind`; `fields` are those behind `sequence_number`, in wire order."""
        if self.heard:
            self._batch.append(kind(self.next, *fields))
            self.next += 1
            self.last_run = None

    def emit_run(self, model: Event, deltas: list[str], kept: list[str]) -> None:
        """Appends the events that are `model` with these deltas, which are `kept`."""
        run = self.go_on(model, deltas, kept)
        if self.heard:
            self.last_run = (model, kept)
            self._batch.append(run)

    def go_on(self, model: Event, deltas: list[str], kept: list[str]) -> DeltaRun:
        """The events of more such deltas, which nobody needs to `take`."""
        run = DeltaRun(self.next, model, deltas)
        self.next += len(deltas)
        kept += deltas
        return run

    def again(self, kind: Callable[..., Event], *fields: Any) -> Event:
        """An event under the last number, in the place of one that will not go out."""
        return kind(self.next - 1, *fields)

    def take(self) -> list[AnyEvent]:
        batch, self._batch = self._batch, []
        return batch
