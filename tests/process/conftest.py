"""A scripted upstream whose answers are held in the middle until a test lets them go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.chat_backend import Answer, ChatBackend, Request, json_answer, sse_answer
from tests.support.live import USAGE, chunk


class HeldBackend(ChatBackend):
    """Answers `Hello`, and stops in the middle of that until `go_on` is set; the head of a whole answer waits, too."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()
        self.always(self._held)

    def _held(self, request: Request) -> Answer:
        if request.json.get("stream"):
            end = [chunk(finish="stop"), chunk(choices=[], usage=USAGE)]
            return sse_answer([chunk({"content": "Hel"}), self.go_on, chunk({"content": "lo"}), *end])
        message = {"role": "assistant", "content": "Hello"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}
        return json_answer(body, hold_head=self.go_on)


@pytest.fixture
async def backend() -> AsyncIterator[HeldBackend]:
    async with HeldBackend() as backend:
        yield backend
