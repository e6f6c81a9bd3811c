"""Clients that read late, or never again, in the middle of a stream."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from tests.support.chat_backend import Answer, ChatBackend, sse_answer
from tests.support.checks import check_events, check_frames
from tests.support.live import LiveProxy, chunk, config_for

# Together far more than the sockets on the way can hold.
_BIG = 64 << 10
_WORDS = [f"{number:04}" + "x" * _BIG for number in range(160)]


class SlowClient:
    """A bare socket, which takes in nothing by itself but what the system holds for it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._buffer = bytearray()
        self._marked = 0

    async def ask(self, **fields: Any) -> None:
        loop = asyncio.get_running_loop()
        self.socket = socket.socket()
        self.socket.setblocking(False)
        await loop.sock_connect(self.socket, ("127.0.0.1", self._port))
        body = json.dumps({"model": "m", "input": "hi", "stream": True, **fields}).encode()
        head = "POST /v1/responses HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        head += f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        await loop.sock_sendall(self.socket, head.encode() + body)

    async def _receive(self) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self.socket, 1 << 16)

    async def read_until(self, mark: bytes) -> None:
        """Until `mark` is there behind the last one."""
        while (found := self._buffer.find(mark, self._marked)) < 0:
            self._buffer += await self._receive()
        self._marked = found + len(mark)

    async def read_body(self) -> bytes:
        """The rest of the answer, its chunks joined."""
        while data := await self._receive():
            self._buffer += data
        parts: list[bytes] = []
        at = self._buffer.index(b"\r\n\r\n") + 4
        while at < len(self._buffer):
            start = self._buffer.index(b"\r\n", at) + 2
            end = start + int(self._buffer[at : start - 2], 16)
            parts.append(bytes(self._buffer[start:end]))
            at = end + 2
        return b"".join(parts)


def big_answer(*gates: asyncio.Event, words: int = len(_WORDS)) -> Answer:
    return sse_answer([*[chunk({"content": word}) for word in _WORDS[:words]], *gates, chunk(finish="stop")])


@asynccontextmanager
async def asked(transport: str, answer: Answer, **server: Any) -> AsyncIterator[tuple[SlowClient, ChatBackend]]:
    async with ChatBackend() as backend:
        config = config_for(backend.base_url, **server)
        upstream = msgspec.structs.replace(config.upstreams["up"], transport=transport)
        config = msgspec.structs.replace(config, upstreams={"up": upstream})
        async with LiveProxy(config) as proxy:
            backend.script(answer)
            client = SlowClient(proxy.port)
            await client.ask(store=False)
            yield client, backend
            client.socket.close()


async def blocked() -> None:
    """Until the whole way is full: nothing moves any more, however often the loop turns."""
    for _ in range(2000):
        await asyncio.sleep(0)


@pytest.mark.parametrize("transport", ["native", "httpx"])
@pytest.mark.parametrize("keep_alive_seconds", [0, 0.01])
async def test_a_client_that_stops_reading_gets_every_byte_later(transport: str, keep_alive_seconds: float) -> None:
    async with asked(transport, big_answer(), keep_alive_seconds=keep_alive_seconds) as (client, _):
        await client.read_until(b"output_text.delta")
        await blocked()
        response = check_events(check_frames(await client.read_body()))
    assert response["status"] == "completed"
    assert response["output"][0]["content"][0]["text"] == "".join(_WORDS)


@pytest.mark.parametrize("transport", ["native", "httpx"])
async def test_a_client_that_goes_away_while_it_is_waited_for_leaves_nothing_behind(transport: str) -> None:
    never = asyncio.Event()
    async with asked(transport, big_answer(never)) as (client, backend):
        await client.read_until(b"output_text.delta")
        await blocked()
        client.socket.close()
        await backend.closed()


@pytest.mark.parametrize("transport", ["native", "httpx"])
async def test_pauses_of_the_upstream_are_filled_with_events_in_order(transport: str) -> None:
    """Each pause lasts until the silence has been broken, and what follows goes the short way again."""
    gates = [asyncio.Event() for _ in range(4)]
    pieces: list[Any] = []
    for number, gate in enumerate(gates):
        pieces += [*[chunk({"content": f" {number}{letter}"}) for letter in "abcde"], gate]
    answer = sse_answer([*pieces, chunk(finish="stop")])
    async with asked(transport, answer, keep_alive_seconds=0.01) as (client, _):
        for number, gate in enumerate(gates):
            await client.read_until(f" {number}e".encode())
            await client.read_until(b"response.in_progress")
            gate.set()
        response = check_events(check_frames(await client.read_body()))
    assert response["output"][0]["content"][0]["text"] == "".join(
        f" {number}{letter}" for number in range(4) for letter in "abcde"
    )
