"""A scripted Chat Completions server: prebuilt bytes, and HTTP parsed only as far as needed.

Unpaced streams get one write each per pass of the loop, paced ones one write per period. `--processes` share one port;
the runner measures them apart from the proxy. Serves until a signal ends it.
"""

import argparse
import asyncio
import gc
import os
import re
import time
from typing import cast

import uvloop

from benchmarks.script import SERVED, Script, encode, http_answer, read_model

LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"transfer-encoding:\s*chunked", re.IGNORECASE)
STREAM = re.compile(rb'"stream"\s*:\s*true')
CHAT_COMPLETIONS = re.compile(rb"POST \S*/chat/completions[? ]")
LAST_CHUNK = b"0\r\n\r\n"
MODELS = http_answer(encode({"object": "list", "data": [{"id": name, "object": "model"} for name in SERVED]}))
UNKNOWN = http_answer(encode({"error": {"message": "no such script or path", "code": "not_found"}}), "404 Not Found")


class Queue:
    """Streams under way, each with the place of its next write; those that have ended leave by themselves."""

    def __init__(self) -> None:
        self._streams: list[tuple[asyncio.Transport, tuple[bytes, ...], int]] = []

    def __len__(self) -> int:
        return len(self._streams)

    def add(self, script: Script, transport: asyncio.Transport) -> None:
        """Takes a stream in and sends its first write at once: the first delta waits for no turn."""
        transport.write(script.writes[0])
        self._streams.append((transport, script.writes, 1))

    def drop(self, transport: asyncio.Transport) -> None:
        """Forgets the stream of a connection that is lost."""
        self._streams = [stream for stream in self._streams if stream[0] is not transport]

    def send_round(self) -> None:
        going = []
        for transport, writes, place in self._streams:
            transport.write(writes[place])
            if place + 1 < len(writes):
                going.append((transport, writes, place + 1))
        self._streams = going


class Pump:
    """Gives every unpaced stream its next write, pass after pass of the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue = Queue()

    def add(self, script: Script, transport: asyncio.Transport) -> Queue:
        if not self._queue:
            self._loop.call_soon(self._run)
        self._queue.add(script, transport)
        return self._queue

    def _run(self) -> None:
        self._queue.send_round()
        if self._queue:
            self._loop.call_soon(self._run)


class Wheel:
    """Gives every paced stream of one period its next write when its millisecond of the period comes round.

    One timer for all streams, where a timer each would be most of the upstream's work.
    """

    def __init__(self, period_ms: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._queues = [Queue() for _ in range(period_ms)]
        self._turned_ms: int | None = None

    def add(self, script: Script, transport: asyncio.Transport) -> Queue:
        if self._turned_ms is None:
            self._turned_ms = _now_ms()
            self._loop.call_later(0.001, self._turn, self._turned_ms)
        queue = self._queues[self._turned_ms % len(self._queues)]
        queue.add(script, transport)
        return queue

    def _turn(self, turned_ms: int) -> None:
        now_ms = _now_ms()
        # A late turn makes up every millisecond it missed, so a stream never loses a chunk or its phase.
        for passed in range(turned_ms + 1, now_ms + 1):
            self._queues[passed % len(self._queues)].send_round()
        self._turned_ms = now_ms if any(self._queues) else None
        if self._turned_ms is not None:
            self._loop.call_later(0.001, self._turn, now_ms)


class Player:
    """Starts streams: unpaced ones on the pump, others on the wheel of their period."""

    def __init__(self) -> None:
        self._pump = Pump()
        self._wheels: dict[int, Wheel] = {}

    def play(self, script: Script, transport: asyncio.Transport) -> Queue:
        return self._place(script.period_ms).add(script, transport)

    def _place(self, period_ms: int) -> Pump | Wheel:
        if period_ms == 0:
            return self._pump
        if period_ms not in self._wheels:
            self._wheels[period_ms] = Wheel(period_ms)
        return self._wheels[period_ms]


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests come one after the other, as every client here sends them."""

    def __init__(self, player: Player) -> None:
        self._player = player
        self._parts: list[bytes] = []
        self._missing = 0
        self._queue: Queue | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio.Transport in all but name.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        self._missing -= len(data)
        if self._missing > 0:
            return
        request = b"".join(self._parts)
        self._missing = _missing_bytes(request)
        if self._missing > 0:
            self._parts = [request]
            return
        self._missing = 0
        self._parts.clear()
        self._answer(request)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._queue is not None:
            self._queue.drop(self._transport)

    def _answer(self, request: bytes) -> None:
        if request.startswith(b"GET"):
            self._transport.write(MODELS)
            return
        script = read_model(request) if CHAT_COMPLETIONS.match(request) else None
        if script is None:
            self._transport.write(UNKNOWN)
        elif _asks_for_stream(request):
            self._queue = self._player.play(script, self._transport)
        else:
            self._transport.write(script.plain)


def _missing_bytes(request: bytes) -> int:
    """How many bytes must still come before the request can be whole: at least one where that is not known."""
    end = request.find(b"\r\n\r\n")
    if end < 0:
        return 1
    if CHUNKED.search(request, 0, end):
        return 0 if request.endswith(LAST_CHUNK) else 1
    length = LENGTH.search(request, 0, end)
    return end + 4 + (int(length[1]) if length else 0) - len(request)


def _asks_for_stream(request: bytes) -> bool:
    at = request.find(b'"stream"')
    return at >= 0 and STREAM.match(request, at) is not None


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


async def serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    player = Player()
    server = await loop.create_server(lambda: Connection(player), "127.0.0.1", port, reuse_port=True, backlog=2048)
    gc.freeze()
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    for _ in range(options.processes - 1):
        if os.fork() == 0:
            break
    uvloop.run(serve(options.port))


if __name__ == "__main__":
    main()
