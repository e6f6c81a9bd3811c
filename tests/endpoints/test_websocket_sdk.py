"""The official SDK's own WebSocket client."""

from __future__ import annotations

from typing import Any

from tests.support.chat_backend import ChatBackend
from tests.support.live import LiveProxy, said


async def test_the_sdk_talks_over_one_connection(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("One"), said("Two"))
    async with proxy.client.responses.connect() as connection:
        previous = None
        for expected in ("One", "Two"):
            extra: dict[str, Any] = {} if previous is None else {"previous_response_id": previous}
            await connection.response.create(model="m", input="Hi", store=False, **extra)
            async for event in connection:
                if event.type == "response.completed":
                    previous = event.response.id
                    assert event.response.output[0].content[0].text == expected
                    break
    assert [message["content"] for message in backend.requests[1].json["messages"]] == ["Hi", "One", "Hi"]
