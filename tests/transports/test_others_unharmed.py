"""An upstream that resets large requests while they are written costs nobody else a connection."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from proxy.transports import Endpoint, Transport, TransportError
from tests.transports.wire import PATIENT, whole

ROUNDS, OTHERS, LARGE_ONES = 20, 20, 10
LARGE = b"0" * (4 << 20)  # more than the buffers of a socket take
_RESET = struct.pack("ii", 1, 0)


@contextmanager
def _resetting_server() -> Iterator[Endpoint]:
    """It answers its first request, as a server that is known does, and resets all others in their middle."""

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            while not peer.recv(1000).endswith(b"{}"):
                pass
            peer.sendall(whole(b"ok", "connection: close"))
        with suppress(OSError):
            while True:
                peer, _ = listener.accept()
                peer.recv(1000)
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                peer.close()

    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield Endpoint.parse(f"http://127.0.0.1:{listener.getsockname()[1]}/")
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while said := await reader.read(10):
        writer.write(said)
        await writer.drain()
    writer.close()


async def _talk(port: int) -> None:
    """Another client, whose connection has to stay whole."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(5):
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
    writer.close()
    await writer.wait_closed()


async def test_a_reset_request_takes_no_other_connection_along(native: Transport) -> None:
    with _resetting_server() as endpoint:

        async def ask() -> None:
            with suppress(TransportError):
                await (await native.send(endpoint, [], LARGE, PATIENT)).aclose()

        async with await native.send(endpoint, [], b"{}", PATIENT) as answer:
            assert await answer.read(10) == b"ok"
        async with await asyncio.start_server(_echo, "127.0.0.1", 0, backlog=1024) as other:
            port = other.sockets[0].getsockname()[1]
            broken = 0
            for _ in range(ROUNDS):
                asked = [ask() for _ in range(LARGE_ONES)]
                talked = [_talk(port) for _ in range(OTHERS)]
                results = await asyncio.gather(*asked, *talked, return_exceptions=True)
                broken += sum(result is not None for result in results)
    assert not broken
