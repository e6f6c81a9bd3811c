"""The body of an answer as an iterator, for tests that look at its pieces."""

from __future__ import annotations

from typing import Self

from proxy.transports import Answer


class Pieces:
    """No generator, which would be over after the first failure: what is asked again afterwards has to fail again."""

    def __init__(self, answer: Answer) -> None:
        self._receive = answer.receiver()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if piece := await self._receive():
            return piece
        raise StopAsyncIteration
