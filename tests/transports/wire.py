"""A server that plays a script on every connection: it reads requests and writes exactly the bytes it is told to.

`ScriptedServer` keeps every `Peer` it accepted. A client that goes away ends the script of its connection; a script
that fails otherwise makes leaving the server's `async with` fail.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from proxy.transports import Answer, Endpoint, Timeouts, Transport

PATIENT = Timeouts(connect=60.0, first_byte=60.0, between=60.0)

Script = Callable[["Peer"], Awaitable[None]]


class Peer:
    """One accepted connection, seen from the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader = reader
        self.writer = writer
        self.number = number
        self.asked = asyncio.Event()
        self.closed = asyncio.Event()

    async def request(self) -> tuple[str, bytes]:
        """The next request: its head as text and its body."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = 0
        for line in head.split("\r\n"):
            name, _, value = line.partition(":")
            if name.lower() == "content-length":
                length = int(value)
        body = await self.reader.readexactly(length)
        self.asked.set()
        return head, body

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def dribble(self, data: bytes) -> None:
        """One byte at a time, the client's loop running between them."""
        for byte in data:
            await self.write(bytes([byte]))
            await asyncio.sleep(0)

    async def until_closed(self) -> None:
        """Until the client closes its end, whatever it still sends."""
        while await self.reader.read(65536):
            pass
        self.closed.set()

    def reset(self) -> None:
        self.writer.transport.abort()


class ScriptedServer:
    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self.peers: list[Peer] = []
        self._script = script
        self._tls = tls
        self._playing: set[asyncio.Task[None]] = set()
        self._accepted = asyncio.Event()

    def endpoint(self, path: str = "/", host: str = "127.0.0.1") -> Endpoint:
        scheme = "https" if self._tls else "http"
        return Endpoint.parse(f"{scheme}://{host}:{self.port}{path}")

    async def peer(self, number: int = 0) -> Peer:
        """The connection of that number, once it is there."""
        while len(self.peers) <= number:
            self._accepted.clear()
            await self._accepted.wait()
        return self.peers[number]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls, backlog=1024)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._playing:
            task.cancel()
        results = await asyncio.gather(*self._playing, return_exceptions=True)
        failures = [result for result in results if isinstance(result, Exception)]
        if failures and error is None:
            raise failures[0]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, len(self.peers))
        self.peers.append(peer)
        self._accepted.set()
        self._playing.add(asyncio.ensure_future(self._play(peer)))

    async def _play(self, peer: Peer) -> None:
        try:
            await self._script(peer)
        except (asyncio.IncompleteReadError, ConnectionError):
            peer.closed.set()
        finally:
            peer.writer.close()


def answering(*answers: bytes) -> Script:
    """Each request of a connection gets the next of these answers; then it is for the client to close."""

    async def script(peer: Peer) -> None:
        for answer in answers:
            await peer.request()
            await peer.write(answer)
        await peer.until_closed()

    return script


@asynccontextmanager
async def exchange(
    transport: Transport,
    script: Script,
    *,
    body: bytes | None = b"{}",
    timeouts: Timeouts = PATIENT,
    method: str = "POST",
) -> AsyncIterator[tuple[Answer, Peer]]:
    """One request to a server of its own: the answer, and the server's side of the connection."""
    async with (
        ScriptedServer(script) as server,
        await transport.send(server.endpoint(), [], body, timeouts, method) as answer,
    ):
        yield answer, await server.peer()


def whole(body: bytes, *fields: str, status: str = "200 OK") -> bytes:
    """An answer with its length in the head."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
