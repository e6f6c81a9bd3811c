"""The reading half of an answer, shared by the transports.

A transport's answer supplies `arrived()` (what came off the wire, b"" at the body's end) and `aclose()`, and perhaps
`pour()`; from these come `read()`, `receiver()` and `async with`. A body that was compressed unasked is inflated in
pieces of bounded size.
"""

from __future__ import annotations

import asyncio
import zlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

from proxy.transports import AnswerTooLarge, Into, MalformedAnswer

Receive = Callable[[], Awaitable[bytes]]

# The most that one step of inflating produces, however small its input.
_PIECE = 1 << 18
_WRONG_END = "the compressed body of the answer does not end where the answer ends"


class Inflater:
    """One compressed body: `feed()` it, then `take()` until that gives nothing; `end()` when the wire ended."""

    def __init__(self, encoding: str) -> None:
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise MalformedAnswer(f"the answer is in a content-encoding that was not asked for: {encoding!r}")
        self._encoding = encoding
        self._input = b""
        self._stream: zlib._Decompress | None = None

    def feed(self, data: bytes) -> None:
        self._input += data

    def take(self) -> bytes:
        if self._stream is None:
            if len(self._input) < 2:
                return b""
            self._stream = zlib.decompressobj(self._window_bits())
        if self._stream.eof:  # zlib would keep what follows, and copy all of that each time
            if self._input:
                raise MalformedAnswer(_WRONG_END)
            return b""
        try:
            piece = self._stream.decompress(self._input, _PIECE)
        except zlib.error as error:
            raise MalformedAnswer("the compressed body of the answer is corrupt") from error
        self._input = self._stream.unused_data or self._stream.unconsumed_tail
        return piece

    def end(self) -> None:
        if self._stream is None and not self._input:
            return
        if self._stream is None or not self._stream.eof or self._input:
            raise MalformedAnswer(_WRONG_END)

    def _window_bits(self) -> int:
        if self._encoding != "deflate":
            return zlib.MAX_WBITS | 16
        # The name means a zlib stream, yet some servers send a bare one (RFC 9110 8.4.1.2).
        has_zlib_header = self._input[0] & 0x0F == zlib.DEFLATED and int.from_bytes(self._input[:2]) % 31 == 0
        return zlib.MAX_WBITS if has_zlib_header else -zlib.MAX_WBITS


class _Inflated:
    """Between two pieces of what arrived once others have their turn: few bytes can become very many."""

    def __init__(self, encoding: str, arrived: Receive) -> None:
        self._inflater = Inflater(encoding)
        self._arrived = arrived
        self._went_on = False

    async def receive(self) -> bytes:
        if self._went_on:
            await asyncio.sleep(0)
        self._went_on = True
        while not (piece := self._inflater.take()):
            self._went_on = False
            data = await self._arrived()
            if not data:
                self._inflater.end()
                return b""
            self._inflater.feed(data)
        return piece


class BodyReader(ABC):
    status: int
    headers: Mapping[str, str]

    @abstractmethod
    async def arrived(self) -> bytes: ...

    @abstractmethod
    async def aclose(self) -> None: ...

    async def read(self, limit: int) -> bytes:
        receive = self.receiver()
        parts: list[bytes] = []
        size = 0
        while data := await receive():
            parts.append(data)
            size += len(data)
            if size > limit:
                await self.aclose()
                raise AnswerTooLarge(f"the answer's body is longer than {limit} bytes")
        return b"".join(parts)

    def receiver(self) -> Receive:
        if "content-encoding" not in self.headers or self.is_plain:
            return self.arrived
        return _Inflated(self._encoding, self.arrived).receive

    @property
    def has_ended(self) -> bool:
        """Overridden where a transport knows before anybody asks for the next piece."""
        return False

    async def pour(self, into: Into) -> None:
        """Overridden where a transport hears of each piece as it arrives."""
        return

    @property
    def is_plain(self) -> bool:
        """Whether what comes off the wire is the body itself."""
        return self._encoding in ("", "identity")

    @property
    def _encoding(self) -> str:
        return self.headers.get("content-encoding", "identity").strip().lower()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
