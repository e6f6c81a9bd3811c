"""The fast transport: HTTP/1.1 straight on the event loop, with a pool of kept-alive connections.

If a reused connection dies before a byte of the answer came, the request is sent once more, on a fresh connection.
Each request holds one of `max_connections` slots until its answer ends; one that finds none waits its turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from functools import cached_property, lru_cache

from proxy.net.tcp_keepalive import enable_keepalive, is_loopback, limit_unacknowledged
from proxy.transports import ConnectFailed, ConnectionCut, Into, TimedOut, Timeouts
from proxy.transports.body import BodyReader
from proxy.transports.endpoint import Endpoint
from proxy.transports.fields import Headers, check_fields, check_method
from proxy.transports.native_connection import Connection
from proxy.transports.pool import IdlePool
from proxy.transports.reasons import reason_of
from proxy.transports.slots import Slots
from proxy.transports.tls import client_context

# Methods whose requests say so when they have no body (RFC 9110 8.6).
_SAY_EMPTY = frozenset({"POST", "PUT", "PATCH"})


@lru_cache(maxsize=256)
def _request_prefix(method: str, endpoint: Endpoint, headers: tuple[tuple[str, str], ...]) -> bytes:
    """All of a head but the length. Most requests to an upstream have the same."""
    check_method(method)
    check_fields(headers)
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    first = f"{method} {endpoint.path} HTTP/1.1\r\nhost: {endpoint.authority}\r\naccept-encoding: identity\r\n"
    return f"{first}{''.join(lines)}".encode("latin-1")


# What differs from request to request comes last, so that all before it need not be written anew.
_OF_ONE_REQUEST = "x-request-id"


def encode_head(method: str, endpoint: Endpoint, headers: Headers, body: bytes | None) -> bytes:
    own = b""
    if headers and headers[-1][0] == _OF_ONE_REQUEST:
        headers, last = headers[:-1], headers[-1]
        check_fields((last,))
        own = f"{last[0]}: {last[1]}\r\n".encode("latin-1")
    prefix = _request_prefix(method, endpoint, tuple(headers)) + own
    if body is not None:
        return b"%bcontent-length: %d\r\n\r\n" % (prefix, len(body))
    return prefix + (b"content-length: 0\r\n\r\n" if method in _SAY_EMPTY else b"\r\n")


class NativeAnswer(BodyReader):
    def __init__(self, connection: Connection, between: float, finished: Callable[[Connection], None]) -> None:
        self.status = connection.status
        self.headers = connection.headers
        self._connection: Connection | None = connection
        self._between = between
        self._finished = finished
        self._ended = False

    async def arrived(self) -> bytes:
        connection = self._connection
        if connection is None:
            if self._ended:
                return b""
            raise ConnectionCut("the answer was closed before its end")
        if not connection.parts and not connection.complete and connection.failure is None:
            try:
                await connection.wait(self._between)
            except BaseException:
                await self.aclose()
                raise
            if self._connection is None:
                # Closed by another task meanwhile: the connection may serve another request already.
                raise ConnectionCut("the answer was closed before its end")
        late = not connection.complete and connection.ended_late()
        data = connection.take()
        if connection.complete:
            self._ended = True
            await self.aclose()
        elif late or not data:
            await self.aclose()
            raise connection.broken("the answer was closed before its end")
        return data

    @property
    def has_ended(self) -> bool:
        return self._ended or (self._connection is not None and self._connection.complete)

    async def pour(self, into: Into) -> None:
        connection = self._connection
        if connection is None or not self.is_plain:
            return
        try:
            if not connection.parts or into(connection.take()):
                await connection.pour(into, self._between)
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._finished(connection)


class NativeTransport:
    def __init__(
        self, *, verify: bool, ca_file: str | None, max_connections: int, idle_limit: float, secure: bool
    ) -> None:
        self._verify = verify
        self._ca_file = ca_file
        if secure:
            _ = self._tls
        self._max_connections = max_connections
        self._slots = Slots(max_connections)
        self._idle = IdlePool(idle_limit)
        self._open: set[Connection] = set()
        self._closed = False

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = client_context(verify=self._verify, ca_file=self._ca_file)
        context.set_alpn_protocols(["http/1.1"])
        return context

    async def send(
        self,
        endpoint: Endpoint,
        headers: Headers,
        body: bytes | None,
        timeouts: Timeouts,
        method: str = "POST",
    ) -> NativeAnswer:
        head = encode_head(method, endpoint, headers, body)
        if self._slots.free:
            self._slots.free -= 1
        else:
            await self._wait_for_slot(timeouts.connect)
        try:
            connection = await self._exchange(endpoint, head, body, timeouts, head_only=method == "HEAD")
        except BaseException:
            self._slots.give_back()
            raise
        return NativeAnswer(connection, timeouts.between, self._finish)

    async def aclose(self) -> None:
        self._closed = True
        self._idle.close()
        for connection in tuple(self._open):
            connection.abort()

    async def _exchange(
        self, endpoint: Endpoint, head: bytes, body: bytes | None, timeouts: Timeouts, *, head_only: bool
    ) -> Connection:
        ends_at = asyncio.get_running_loop().time() + timeouts.total
        idle = self._idle.pop(endpoint.origin)
        if idle is not None:
            idle.begin(head, body, head_only=head_only, ends_at=ends_at)
            if len(self._open) == len(self._idle) + 1:  # nobody else asks for anything: nothing to wait for
                idle.flush()
            try:
                await idle.head(timeouts.first_byte)
                return idle
            except ConnectionCut:
                if idle.answered:
                    raise
        fresh = self._new_connection(endpoint)
        fresh.begin(head, body, head_only=head_only, ends_at=ends_at)
        await self._connect(fresh, endpoint, timeouts.connect)
        await fresh.head(timeouts.first_byte)
        return fresh

    async def _wait_for_slot(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._slots.wait()
        except TimeoutError:
            message = f"all {self._max_connections} connections were busy for {seconds:g} s"
            raise TimedOut(message, "connect") from None

    def _new_connection(self, endpoint: Endpoint) -> Connection:
        if self._closed:
            raise ConnectFailed("the transport is closed")
        if len(self._open) >= self._max_connections:
            self._idle.close_oldest()
        return Connection(endpoint.origin, asyncio.get_running_loop(), self._forget)

    async def _connect(self, connection: Connection, endpoint: Endpoint, seconds: float) -> None:
        self._open.add(connection)
        try:
            await self._dial(connection, endpoint, seconds)
        except BaseException:
            self._forget(connection)
            # It may have been cancelled in the very step that connected it.
            connection.abort()
            raise

    async def _dial(self, connection: Connection, endpoint: Endpoint, seconds: float) -> None:
        """Lets the event loop make the socket, which so has one owner.

        A socket made here and handed over would be closed a second time by uvloop, where the connection ends before the
        handing over does (MagicStack/uvloop#738), and its number may be another client's connection by then.
        """
        loop = asyncio.get_running_loop()
        tls = self._tls if endpoint.scheme == "https" else None
        try:
            async with asyncio.timeout(seconds):
                transport, _ = await loop.create_connection(lambda: connection, endpoint.host, endpoint.port, ssl=tls)
        except TimeoutError:
            raise TimedOut(f"no connection to {endpoint.address} within {seconds:g} s", "connect") from None
        except OSError as error:
            reason = reason_of(error)
            raise ConnectFailed(f"no connection to {endpoint.address}: {reason}", reason) from error
        peer = transport.get_extra_info("peername")  # None where the connection has ended already
        if peer and not is_loopback(peer[0]):
            peer_socket = transport.get_extra_info("socket")
            with contextlib.suppress(OSError):  # macOS, where the peer has reset it already: reading will tell that
                enable_keepalive(peer_socket)
                limit_unacknowledged(peer_socket)

    def _finish(self, connection: Connection) -> None:
        self._slots.give_back()
        if connection.complete:
            connection.take()
        if connection.reusable:
            self._idle.put(connection)
        else:
            connection.abort()

    def _forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._idle.discard(connection)
