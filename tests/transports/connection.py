"""`Exchange`: a native connection by itself, its answer begun, its clock turned by hand."""

from __future__ import annotations

import asyncio
from typing import cast

from proxy.transports.native_connection import Connection
from tests.transports.clock import HandClock
from tests.transports.wire import CHUNKED


class Wire:
    """As much of an event loop's transport as a connection uses."""

    def __init__(self) -> None:
        self.pauses = 0
        self.resumes = 0
        self.aborted = False
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def pause_reading(self) -> None:
        self.pauses += 1

    def resume_reading(self) -> None:
        self.resumes += 1


class Exchange:
    """A connection whose answer has begun."""

    def __init__(self) -> None:
        self.clock = HandClock()
        loop = cast("asyncio.AbstractEventLoop", self.clock)
        self.connection = Connection(("http", "host", 80), loop, lambda _connection: None)
        self.wire = Wire()
        self.connection.connection_made(cast("asyncio.Transport", self.wire))

    async def ask(self, seconds: float) -> None:
        self.connection.begin(b"", b"", head_only=False)
        asking = asyncio.ensure_future(self.connection.head(seconds))
        await asyncio.sleep(0)
        self.connection.data_received(CHUNKED)
        await asking

    async def reading(self, seconds: float) -> asyncio.Future[None]:
        reading = asyncio.ensure_future(self.connection.wait(seconds))
        await asyncio.sleep(0)
        return reading
