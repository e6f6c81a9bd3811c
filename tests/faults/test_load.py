"""The clients of this folder leave nothing open, wherever the servers that they talk to end."""

from __future__ import annotations

import asyncio
import gc
import sys

import pytest

from tests.faults.load import Load


class _Falling:
    """A server of a few answers, which then closes all of its connections and takes no more."""

    def __init__(self, answers: int) -> None:
        self._left = answers
        self._writers: list[asyncio.StreamWriter] = []
        self.fell = asyncio.Event()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while self._left > 0:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(length.partition(b":")[2]))
                self._left -= 1
                body = b'{"id":"resp_1"}'
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        self._server.close()
        for one in self._writers:
            one.close()
        self.fell.set()


@pytest.mark.parametrize("turns", range(20))
def test_no_connection_is_left_open(turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: left.append(found.exc_value))

    async def talk() -> None:
        falling, standing = _Falling(30), _Falling(1_000_000)
        await falling.start()
        await standing.start()
        async with Load(6).on([falling, standing]):
            await falling.fell.wait()
            for _ in range(turns):
                await asyncio.sleep(0)

    asyncio.run(talk())
    gc.collect()
    assert left == []
