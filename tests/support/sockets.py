"""A client of the WebSocket at `/v1/responses`: `socket_to(proxy)`, and its turns (`turn`, `completed`)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from tests.support.checks import check_events
from tests.support.live import LiveProxy

Json = dict[str, Any]


@contextlib.asynccontextmanager
async def socket_to(proxy: LiveProxy) -> AsyncIterator[ClientConnection]:
    headers = {"authorization": "Bearer key"}
    url = proxy.url.replace("http", "ws") + "/responses"
    async with connect(url, additional_headers=headers, proxy=None) as socket:
        yield socket


async def turn(socket: ClientConnection, **fields: Any) -> list[Json]:
    """The events of one `response.create`, to its end or an error."""
    await socket.send(msgspec.json.encode({"type": "response.create", "model": "m", **fields}).decode())
    events: list[Json] = []
    while not events or events[-1]["type"] not in ("response.completed", "response.failed", "error"):
        events.append(msgspec.json.decode(await socket.recv()))
    return events


async def completed(socket: ClientConnection, **fields: Any) -> Json:
    events = await turn(socket, **fields)
    check_events(events)
    response: Json = events[-1]["response"]
    assert response["status"] == "completed"
    return response
