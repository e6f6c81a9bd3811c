"""`RefusedCallWriter`: a call of a tool that the request does not allow. The client never hears of it."""

from __future__ import annotations

from typing import Any

from translators.items.call_writer import CallWriter


class RefusedCallWriter(CallWriter):
    """Keeps what was called with which arguments, for the model to be told that it may not; it never opens."""

    @property
    def streams(self) -> bool:
        return False

    @property
    def readable(self) -> bool:
        """No item is made of it."""
        return False

    def snapshot(self, status: str) -> Any:
        raise AssertionError("a call that is not allowed was opened")
