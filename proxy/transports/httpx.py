"""The transport for what the native one does not serve: environment proxies, SOCKS, HTTP/2 (where `h2` is installed).

It stands on `httpx2` and keeps the same contract with two limits: a piece of the body is what httpx2 hands over, one
chunk of a chunked answer; and an answer that is left unread closes its connection, even one that had arrived whole.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Generator
from contextlib import contextmanager
from types import AsyncGeneratorType
from typing import Protocol, cast

import httpx2

from proxy.transports import (
    ConnectFailed,
    ConnectionCut,
    MalformedAnswer,
    TimedOut,
    Timeouts,
    TransportError,
    TransportUnavailable,
)
from proxy.transports.body import BodyReader
from proxy.transports.endpoint import Endpoint
from proxy.transports.fields import Headers, check_fields, check_method, join_fields
from proxy.transports.reasons import reason_of
from proxy.transports.tls import client_context

# httpx2 tells an ended connection from a malformed answer by its message alone: the first two are h11's and httpcore2's
# own words, the others how h2's events begin.
_CUT = ("peer closed connection", "Server disconnected", "<StreamReset", "<ConnectionTerminated")


@contextmanager
def _usable_proxies() -> Generator[None]:
    """What httpx2 raises where the environment names a proxy that it cannot use. An address may hold a password."""
    try:
        yield
    except ImportError as error:
        raise TransportUnavailable(
            "transport httpx: the environment names a SOCKS proxy (ALL_PROXY, HTTPS_PROXY or HTTP_PROXY), "
            "which needs the package socksio: pip install 'dragoman[socks]'"
        ) from error
    except (ValueError, httpx2.InvalidURL) as error:
        raise TransportUnavailable(
            "transport httpx: the environment names a proxy (ALL_PROXY, HTTPS_PROXY or HTTP_PROXY) with an address "
            "that cannot be used: http://, https://, socks5:// and socks5h:// can"
        ) from error


@contextmanager
def _translated() -> Generator[None]:
    """httpx2's errors as the errors of this package."""
    try:
        yield
    except (httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
        raise TimedOut("no connection in time", "connect") from error
    except (httpx2.ConnectError, httpx2.ProxyError, httpx2.UnsupportedProtocol) as error:
        reason = reason_of(error)
        raise ConnectFailed(f"no connection: {reason}", reason) from error
    except httpx2.NetworkError as error:
        raise ConnectionCut(f"the connection ended inside the answer: {error}") from error
    except httpx2.RemoteProtocolError as error:
        if str(error).startswith(_CUT):
            raise ConnectionCut(f"the connection ended inside the answer: {error}") from error
        raise MalformedAnswer(f"the answer is not acceptable HTTP: {error}") from error
    except httpx2.TransportError as error:
        raise TransportError(str(error)) from error


# Pieces after which others have their turn. A read of 64 KiB may hold ten thousand of them, which httpx2 hands over one
# by one without ever waiting.
_PIECES_IN_A_ROW = 64


class _StaleConnection(ConnectionCut):
    """A connection from the pool ended before the head of an answer: worth one more attempt."""


class _Closable(Protocol):
    async def aclose(self) -> None: ...


class _Progress:
    """Follows a request through httpx2's trace events: the connection it opens, its sending, which starts the clock."""

    def __init__(self, clock: asyncio.Timeout, first_byte: float) -> None:
        self.fresh = False
        self._opened: _Closable | None = None
        self._in_handshake = False
        self._clock = clock
        self._first_byte = first_byte

    async def __call__(self, event: str, info: dict[str, object]) -> None:
        if event.endswith("connect_tcp.started"):
            self.fresh = True
        elif event.endswith("connect_tcp.complete"):
            self._opened = cast("_Closable", info["return_value"])
        elif event.endswith("start_tls.started"):
            self._in_handshake = True
        elif event.endswith("start_tls.complete"):
            self._in_handshake = False
        elif event.endswith("send_request_headers.started"):
            self._clock.reschedule(asyncio.get_running_loop().time() + self._first_byte)

    async def abandon(self) -> None:
        # httpcore2 closes what was cancelled, but for a TLS handshake (2.16, AnyIOStream.start_tls).
        if self._in_handshake and self._opened is not None:
            await self._opened.aclose()


class HttpxAnswer(BodyReader):
    def __init__(self, response: httpx2.Response, between: float, ends_at: float) -> None:
        self.status = response.status_code
        self.headers = join_fields(response.headers.raw)
        self._response = response
        self._raw: AsyncGeneratorType[bytes, None] | None = cast(
            "AsyncGeneratorType[bytes, None]", response.aiter_raw()
        )
        self._between = between
        self._ends_at = ends_at
        self._in_a_row = 0

    async def arrived(self) -> bytes:
        self._in_a_row += 1
        if self._in_a_row > _PIECES_IN_A_ROW:
            self._in_a_row = 0
            await asyncio.sleep(0)
        if self._raw is None:
            raise ConnectionCut("the answer was closed before its end")
        now = asyncio.get_running_loop().time()
        try:
            if now > self._ends_at:  # where there is always more, nothing below ever waits
                raise TimeoutError
            with _translated():
                async with asyncio.timeout_at(min(now + self._between, self._ends_at)):
                    return await anext(self._raw, b"")
        except TimeoutError:
            await self.aclose()
            if self._ends_at <= now + self._between:
                raise TimedOut("it took longer than it may as a whole (answer_timeout)", "total") from None
            raise TimedOut("the answer fell silent", "between") from None
        except TransportError:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        raw, self._raw = self._raw, None
        if raw is not None:
            await self._response.aclose()
            # Running: another task is reading, and the closed connection is what ends its wait.
            if not raw.ag_running:
                await raw.aclose()


class HttpxTransport:
    def __init__(self, *, verify: bool, ca_file: str | None, max_connections: int, idle_limit: float) -> None:
        limits = httpx2.Limits(
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
            keepalive_expiry=idle_limit,
        )
        with _usable_proxies():
            self._client = httpx2.AsyncClient(
                verify=client_context(verify=verify, ca_file=ca_file),
                http2=importlib.util.find_spec("h2") is not None,
                limits=limits,
                trust_env=True,
            )

    async def send(
        self,
        endpoint: Endpoint,
        headers: Headers,
        body: bytes | None,
        timeouts: Timeouts,
        method: str = "POST",
    ) -> HttpxAnswer:
        check_method(method)
        check_fields(headers)
        if self._client.is_closed:
            raise ConnectFailed("the transport is closed")
        # A Request built here carries these headers alone; the client would add its own.
        fields = [(b"accept-encoding", b"identity")]
        fields += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        ends_at = asyncio.get_running_loop().time() + timeouts.total
        request = httpx2.Request(method, endpoint.url, headers=fields, content=body)
        try:
            response = await self._attempt(request, timeouts)
        except _StaleConnection:
            response = await self._attempt(request, timeouts)
        return HttpxAnswer(response, timeouts.between, ends_at)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _attempt(self, request: httpx2.Request, timeouts: Timeouts) -> httpx2.Response:
        limits = {"connect": timeouts.connect, "pool": timeouts.connect, "read": None, "write": None}
        clock = asyncio.timeout(None)
        progress = _Progress(clock, min(timeouts.first_byte, timeouts.total))
        request.extensions = {"timeout": limits, "trace": progress}
        try:
            with _translated():
                async with clock:
                    try:
                        return await self._client.send(request, stream=True)
                    except asyncio.CancelledError:
                        await progress.abandon()
                        raise
        except TimeoutError:
            raise TimedOut("no answer came in time", "first_byte") from None
        except ConnectionCut as error:
            if progress.fresh:
                raise
            raise _StaleConnection(str(error)) from error
