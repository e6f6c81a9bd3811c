"""The HTTP client side of the proxy: one small protocol, two implementations.

`send()` resolves when the head of the answer is in; the body is read once, by `read()` or through `receiver()`. Leaving
an answer's `async with` before the body's end closes the connection; after its end the connection is back in the pool.
Cancelling closes it too. What goes wrong on the wire is a `TransportError`; a mistake of the caller, like an unsafe
header, is a `ValueError`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Literal, Protocol, Self

import msgspec

from proxy.transports.endpoint import Endpoint

__all__ = [
    "Answer",
    "AnswerTooLarge",
    "ConnectFailed",
    "ConnectionCut",
    "Endpoint",
    "Into",
    "MalformedAnswer",
    "Phase",
    "TimedOut",
    "Timeouts",
    "Transport",
    "TransportError",
    "TransportUnavailable",
    "create_transport",
]

Phase = Literal["connect", "first_byte", "between", "total"]
# Takes a piece of a body; whether it takes the next one, too.
Into = Callable[[bytes], bool]


class Timeouts(msgspec.Struct, frozen=True):
    """Seconds. `connect` includes TLS and the wait for a free connection; `first_byte` runs from the request being
    written to the answer's headers; `between` is the longest silence while a body read waits, and `total` the longest
    that all of it may take, from the request on, however steadily bytes come."""

    connect: float
    first_byte: float
    between: float
    total: float = 86_400.0


class TransportUnavailable(Exception):
    """A transport cannot be made as it is set up here; the message says what to do."""


class TransportError(Exception):
    """The exchange failed on the wire."""


class ConnectFailed(TransportError):
    """No connection: the name did not resolve, it was refused, or TLS failed. Nothing of the request was sent.

    `reason` says which of them, without the address.
    """

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason or message


class TimedOut(TransportError):
    def __init__(self, message: str, phase: Phase) -> None:
        super().__init__(message, phase)
        self.phase: Phase = phase

    def __str__(self) -> str:
        return str(self.args[0])


class ConnectionCut(TransportError):
    """The connection ended inside the head or the body of the answer."""


class MalformedAnswer(TransportError):
    """The bytes that came are not an HTTP answer, or are in an encoding that was not asked for."""


class AnswerTooLarge(TransportError):
    """The body is longer than the limit given to `read()`."""


class Answer(Protocol):
    status: int
    headers: Mapping[str, str]
    """Lower-case names; the values of a repeated name joined with a comma."""

    async def read(self, limit: int) -> bytes:
        """The whole body, or `AnswerTooLarge` once it is longer than `limit` bytes."""
        ...

    def receiver(self) -> Callable[[], Awaitable[bytes]]:
        """The body as it comes, a piece for each call: what had arrived by then, without waiting for more.

        At the body's end it gives b"".
        """
        ...

    @property
    def has_ended(self) -> bool:
        """Whether the body's end is known to have arrived, so that its connection can serve again."""
        ...

    async def pour(self, into: Into) -> None:
        """Gives `into` each piece in the step in which it arrives, before the task that waits here is woken at all.

        It returns when `into` answers False, and where only the receiver can say what comes next: the body's end, a
        failure, or every piece, in an answer that cannot do this. What `into` raises is raised here.
        """
        ...

    async def aclose(self) -> None: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Transport(Protocol):
    async def send(
        self,
        endpoint: Endpoint,
        headers: Sequence[tuple[str, str]],
        body: bytes | None,
        timeouts: Timeouts,
        method: str = "POST",
    ) -> Answer: ...

    async def aclose(self) -> None: ...


def create_transport(
    kind: str,
    *,
    verify: bool = True,
    ca_file: str | None = None,
    max_connections: int = 1000,
    idle_limit: float | None = None,
    secure: bool = True,
) -> Transport:
    """`native` for speed, `httpx` for what it does not serve: environment proxies, SOCKS, HTTP/2.

    `ca_file` replaces the system's certificate authorities; an unused connection is kept for `idle_limit` seconds. That
    is 90 for `native`, so that an agent that has run its tools finds it again, and need not wait for a name, a
    connection and its TLS; and 15 for `httpx`, which is not told when the far end of one vanishes.
    Raises TransportUnavailable where the environment names a proxy that cannot be used.
    Without `secure` they are loaded when the first https address comes, and not now: that takes 50 ms.
    """
    # Imported here: each module imports this one, and a setup loads only the client that it uses.
    if kind == "native":
        from proxy.transports.native import NativeTransport

        return NativeTransport(
            verify=verify,
            ca_file=ca_file,
            max_connections=max_connections,
            idle_limit=90.0 if idle_limit is None else idle_limit,
            secure=secure,
        )
    if kind == "httpx":
        from proxy.transports.httpx import HttpxTransport

        return HttpxTransport(
            verify=verify,
            ca_file=ca_file,
            max_connections=max_connections,
            idle_limit=15.0 if idle_limit is None else idle_limit,
        )
    raise ValueError(f"there is no transport {kind!r}: choose native or httpx")
