"""`ChatBackend`: a scripted Chat Completions server on a loopback socket, exact to the byte.

Answers go out in the order in which they were scripted. Each request is recorded and held against
`check_chat_request`; a request that a strict server would refuse, or that no answer was scripted for, gets an error
answer and fails the test when the block ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

from tests.support.strict_chat import Json, check_chat_request

__all__ = ["Answer", "ChatBackend", "Request", "check_chat_request", "json_answer", "silence", "sse_answer"]

EVENT_STREAM = "text/event-stream"
# Only a bound for a test that fails; no passing test waits for it.
PATIENCE = 30.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What goes out for one request.

    Each element of `writes` is one write; an `asyncio.Event` among them holds the answer until it is set. `cut_after`
    ends the connection after that many bytes of the body: with a FIN (`close`) or a RST (`reset`).
    """

    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    writes: Sequence[bytes | asyncio.Event] = ()
    framing: Literal["length", "chunked", "close"] = "length"
    hold_head: asyncio.Event | None = None
    cut_after: int | None = None
    cut: Literal["close", "reset"] = "close"

    def head(self) -> bytes:
        length = sum(len(write) for write in self.writes if isinstance(write, bytes))
        framing = {"length": f"content-length: {length}", "chunked": "transfer-encoding: chunked"}
        lines = [f"HTTP/1.1 {self.status} Scripted", f"content-type: {self.content_type}"]
        lines += [framing.get(self.framing, "connection: close")]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def json_answer(body: object, **options: Any) -> Answer:
    """A whole answer: JSON, or bytes as they are (an HTML page, broken JSON)."""
    return Answer(writes=[body if isinstance(body, bytes) else _json(body)], **options)


def sse_answer(
    chunks: Iterable[Json | bytes | asyncio.Event], *, done: bool = True, newline: str = "\n", **options: Any
) -> Answer:
    """A stream, one write a chunk: JSON objects become `data:` frames, bytes go out as they are."""
    end = (newline * 2).encode()
    frames = [b"data: " + _json(chunk) + end if isinstance(chunk, dict) else chunk for chunk in chunks]
    writes = [*frames, b"data: [DONE]" + end] if done else frames
    return Answer(**{"content_type": EVENT_STREAM, "framing": "chunked", **options, "writes": writes})


def silence() -> Answer:
    """Never even a status line."""
    return Answer(hold_head=asyncio.Event())


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ClientGone(Exception):
    """The client closed its connection before its answer was complete."""


class _Connection(asyncio.StreamReaderProtocol):
    """A stream connection that says at once, without reading, that its client has gone."""

    def __init__(self, connected: Callable[[_Connection, asyncio.StreamWriter], None]) -> None:
        self.reader = asyncio.StreamReader()
        self.gone = asyncio.Event()
        super().__init__(self.reader, lambda _, writer: connected(self, writer))

    def eof_received(self) -> bool | None:
        self.gone.set()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()
        super().connection_lost(exc)


Script = Answer | Callable[[Request], Answer]


class ChatBackend:
    """`async with ChatBackend() as backend`; `base_url` is what a proxy gets as its upstream.

    `extra` names request and message keys beyond OpenAI's; `strict=False` takes any request.
    """

    def __init__(self, *, strict: bool = True, extra: Iterable[str] = ()) -> None:
        self.requests: list[Request] = []
        self.faults: list[str] = []
        self._strict = strict
        self._extra = tuple(extra)
        self._scripts: deque[Script] = deque()
        self._always: Script | None = None
        self._served: dict[str, Answer] = {}
        self._left = 0
        self._changed = asyncio.Condition()
        self._connections: set[asyncio.Task[None]] = set()

    def script(self, *answers: Script) -> None:
        """Queue answers; a function is given its request first."""
        self._scripts.extend(answers)

    def serve(self, path: str, answer: Answer) -> None:
        """Answer every request for another path, such as `/v1/models`, with this."""
        self._served[path] = answer

    def always(self, answer: Script) -> None:
        """Answer this whenever the queue is empty."""
        self._always = answer

    async def received(self, count: int = 1) -> list[Request]:
        """Return when `count` requests have arrived in all."""
        await self._until(lambda: len(self.requests) >= count)
        return self.requests

    async def closed(self, count: int = 1) -> None:
        """Return when the client has left `count` answers unfinished in all."""
        await self._until(lambda: self._left >= count)

    async def _until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(reached)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self._connect), "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        assert error is not None or not self.faults, f"the upstream was asked wrongly: {self.faults}"

    def _connect(self, connection: _Connection, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._converse(connection, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        task.add_done_callback(lambda _: writer.close())  # also where it was cancelled before its first step

    async def _converse(self, connection: _Connection, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            async for request in _requests(connection.reader):
                if not await self._answer(request, connection, writer):
                    break

    async def _answer(self, request: Request, connection: _Connection, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; true while the connection may be used again."""
        self.requests.append(request)
        answer = self._choose(request)
        await self._notify()
        try:
            await _unless_gone(connection, _send(answer, writer))
        except (ClientGone, ConnectionError):
            self._left += 1
            await self._notify()
            return False
        return answer.framing != "close" and answer.cut_after is None

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _choose(self, request: Request) -> Answer:
        path = request.path.partition("?")[0]
        if path in self._served:
            return self._served[path]
        if not path.endswith("/chat/completions"):
            return json_answer({"error": {"message": "File Not Found", "type": "not_found_error"}}, status=404)
        if self._strict:
            try:
                check_chat_request(request.json, extra=self._extra)
            except (AssertionError, ValueError) as fault:
                return self._refuse(400, f"request {len(self.requests) - 1}: {fault}")
        script = self._scripts.popleft() if self._scripts else self._always
        if script is None:
            return self._refuse(500, f"request {len(self.requests) - 1}: no answer was scripted for it")
        return script if isinstance(script, Answer) else script(request)

    def _refuse(self, status: int, fault: str) -> Answer:
        self.faults.append(fault)
        return json_answer({"error": {"message": fault, "type": "invalid_request_error"}}, status=status)


async def _requests(reader: asyncio.StreamReader) -> AsyncIterator[Request]:
    """The requests of one connection; bodies come with a content-length."""
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
            method, path, _ = first.split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        except asyncio.IncompleteReadError:
            return
        yield Request(method, path, headers, body)


async def _unless_gone(connection: _Connection, sending: Coroutine[Any, Any, None]) -> None:
    """Run `sending`, but raise ClientGone as soon as the client has gone."""
    tasks = [asyncio.ensure_future(sending), asyncio.ensure_future(connection.gone.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not tasks[0].done():
            raise ClientGone
        await tasks[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send(answer: Answer, writer: asyncio.StreamWriter) -> None:
    if answer.hold_head is not None:
        await answer.hold_head.wait()
    writer.write(answer.head())
    left = answer.cut_after
    for write in answer.writes:
        if isinstance(write, asyncio.Event):
            await write.wait()
            continue
        data = write if left is None else write[:left]
        left = None if left is None else left - len(data)
        if data:
            writer.write(_chunked(data) if answer.framing == "chunked" else data)
        await writer.drain()
        if left == 0:
            break
    if answer.cut_after is not None:
        if answer.cut == "reset":
            _reset(writer)
        return
    if answer.framing == "chunked":
        writer.write(_chunked(b""))
    await writer.drain()


def _chunked(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a RST instead of a FIN: a linger time of nothing."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
