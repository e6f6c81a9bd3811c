"""`Pairing`: which output answers which call, in a history that anybody may have written.

A call id is not enough to tell calls apart: some models count theirs anew in every turn, some clients send again
what a stored response holds already. Calls and outputs of one id pair in their order; a call of an earlier turn that
got no output was interrupted, and the outputs that follow are for the later turn's. No history costs more than its
length.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from translators.messages.pieces import Call, Output, Piece


class Pairing:
    """The calls of one conversation in the order in which they came; those without an output are open."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        """`pieces` is the conversation, as far as it has come."""
        self._pieces = pieces
        self._looked = 0  # the pieces before it were looked at for what begins a turn
        self._turn_start = -1  # the last of them that does
        self._calls: list[Call] = []
        self._oldest = 0  # no call before this place is open
        self._open: dict[str, Call] = {}
        # Behind the open call of an id: others of its turn, and those of earlier turns.
        self._waiting: dict[str, deque[Call]] = {}
        self._stale: dict[str, deque[Call]] = {}
        self._by_item: dict[str, Call] = {}
        self._answered: dict[str, Call] = {}
        self._twins: set[tuple[str, str, str]] | None = None

    def open(self, call: Call) -> None:
        """Adds a call that has no output yet."""
        self._calls.append(call)
        if call.item_id is not None:
            self._by_item[call.item_id] = call
        call.position = len(self._pieces)
        current = self._open.get(call.id)
        if current is None:
            self._open[call.id] = call
        elif self._begins_anew(current, call):
            self._stale.setdefault(call.id, deque()).extendleft([*self._waiting.pop(call.id, ()), current])
            self._open[call.id] = call
        else:
            self._waiting.setdefault(call.id, deque()).append(call)

    def begun(self, call_id: str) -> Call | None:
        """The last open call of this id, if its turn is still the last one."""
        waiting = self._waiting.get(call_id)
        call = waiting[-1] if waiting else self._open.get(call_id)
        return call if call is not None and call.position > self._last_turn() else None

    def _last_turn(self) -> int:
        """The place of the last piece that began a turn."""
        for place in range(self._looked, len(self._pieces)):
            if self._pieces[place].opens_turn:
                self._turn_start = place
        self._looked = len(self._pieces)
        return self._turn_start

    def _begins_anew(self, current: Call, call: Call) -> bool:
        """Whether `call` belongs to a later turn; one that is the same in all is rather sent again."""
        same = (current.name, current.arguments) == (call.name, call.arguments)
        return self._last_turn() >= current.position and not same

    def answer(self, output: Output) -> bool:
        """Gives an output to the first open call of its id; False where none is open.

        Without a call id it answers the call whose id, or whose item's id, it bears as its own, else the first open
        one. An output that names its tool is somebody's message rather than an answer, and takes no call by its order.
        """
        call = self._open.get(output.call_id) if output.call_id else self._unnamed(output)
        if call is None:
            return False
        call.output = output
        self._answered[call.id] = call
        waiting = self._waiting.get(call.id) or self._stale.get(call.id)
        if waiting:
            self._open[call.id] = waiting.popleft()
        else:
            del self._open[call.id]
        return True

    def answered(self, output: Output) -> Call | None:
        """The call that has an output already, and that this one would answer again."""
        if output.call_id:
            return self._answered.get(output.call_id)
        item_id = output.item_id or ""
        return self._answered.get(item_id) or self._by_item.get(item_id)

    def is_sent_again(self, call: Call) -> bool:
        """Whether an open call is one that was answered, sent a second time: nothing has interrupted it."""
        if self._twins is None:
            self._twins = {(each.id, each.name, each.arguments) for each in self._calls if each.output is not None}
        return (call.id, call.name, call.arguments) in self._twins

    def _unnamed(self, output: Output) -> Call | None:
        if output.item_id is not None:
            call = self._open.get(output.item_id) or self._by_item.get(output.item_id)
            if call is not None and call.output is None:
                # Of several with its id the first is answered.
                return self._open[call.id]
        if output.names_tool:
            return None
        while self._oldest < len(self._calls) and self._calls[self._oldest].output is not None:
            self._oldest += 1
        return self._open[self._calls[self._oldest].id] if self._oldest < len(self._calls) else None
