"""`Emitter`: the one place that numbers events.

An event gets its number by `emit`, `emit_run` or `go_on`, which make it. Where somebody else makes its bytes without it
(`wire.splice`), that takes the next of `numbers`, or several by `passed`. Each is given once, and nothing else knows or
sets which is next: so none comes twice or is left out, whichever way an event goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any, Protocol

from msgspec import Struct

from translators.schema.events import AnyEvent, DeltaRun, Event


class Text(Protocol):
    """The text of a writer, for whoever brings more of it: it can be added to, and nothing else.

    A list of pieces is one, and adding to that is the cheapest step that Python has.
    """

    def append(self, piece: str, /) -> None: ...

    def extend(self, pieces: Iterable[str], /) -> None: ...


class OpenRun(Struct, frozen=True):
    """Deltas of one text, and more of them may come: each is `model` but for its number and its delta.

    The writer of that text makes it; who makes the event of another delta adds that to `text`, too.
    """

    model: Event
    text: Text


class Emitter:
    """Collects the events of one response, if anybody hears them; `take` hands over those since the last call.

    `last_run` is the run that the last event belongs to, if it was one of deltas. Where nobody hears there are no
    events, and whoever has to make something for one alone can spare it. `numbers` gives the next number, for one event
    that is made elsewhere and goes out now; it is another iterator behind each `passed`.
    """

    __slots__ = ("_batch", "_last", "heard", "last_run", "numbers")

    def __init__(self, *, heard: bool = True) -> None:
        self.heard = heard
        self.last_run: OpenRun | None = None
        self.numbers: Iterator[int] = count()
        self._last = -1  # the number of what `emit` made last
        self._batch: list[AnyEvent] = []

    def __repr__(self) -> str:
        return f"Emitter({self.numbers!r}, untaken={len(self._batch)}, heard={self.heard})"

    def emit(self, kind: Callable[..., Event], *fields: Any) -> None:
        """Appends an event of `kind`; `fields` are those behind `sequence_number`, in wire order."""
        if self.heard:
            self._last = number = next(self.numbers)
            self._batch.append(kind(number, *fields))
            self.last_run = None

    def emit_run(self, run: OpenRun, deltas: list[str]) -> None:
        """Appends the events of these deltas, which the writer of `run` keeps."""
        if self.heard:
            self.last_run = run
            self._batch.append(self.go_on(run, deltas))
        else:
            run.text.extend(deltas)

    def go_on(self, run: OpenRun, deltas: list[str]) -> DeltaRun:
        """The events of more such deltas, which nobody needs to `take`."""
        run.text.extend(deltas)
        return DeltaRun(self.passed(len(deltas)), run.model, deltas)

    def passed(self, many: int) -> int:
        """Numbers so many events that are made elsewhere and go out now; gives the number of the first."""
        first = next(self.numbers)
        self.numbers = count(first + many)
        return first

    def again(self, kind: Callable[..., Event], *fields: Any) -> Event:
        """An event in the place of the one that was emitted last, and under its number: that will not go out."""
        return kind(self._last, *fields)

    def take(self) -> list[AnyEvent]:
        batch, self._batch = self._batch, []
        return batch
