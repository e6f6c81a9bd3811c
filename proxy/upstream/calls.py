"""One upstream call: `open` it, `read` its chunks, `aclose` it.

To open it is to wait for the head of the answer: a refusal is an `UpstreamError` with the upstream's own status,
and so is whatever goes wrong later. No message holds a key.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property, partial
from urllib.parse import urlsplit

from msgspec import Struct

from proxy.config import UpstreamSettings
from proxy.inbound.access import digest_of
from proxy.transports import (
    Answer,
    AnswerTooLarge,
    ConnectFailed,
    Endpoint,
    TimedOut,
    Timeouts,
    Transport,
    TransportError,
    create_transport,
)
from proxy.upstream.body import ChatAnswer, IntoChunks, Straight
from proxy.upstream.plan import Route
from proxy.upstream.redaction import Redactor
from proxy.upstream.refusals import ErrorTeller
from translators.errors import BridgeError, UpstreamError, UpstreamProtocolError
from translators.limits import AnswerLimits
from translators.recovery.retry_after import retry_after
from translators.recovery.upstream_errors import read_error
from translators.wire.chunk_template import Chunk

_log = logging.getLogger(__name__)

MAX_CONNECTIONS = 10_000
_MAX_ERROR_BYTES = 1 << 20
_MAX_FACTS_BYTES = 64 << 20  # the tokens of a long prompt, one by one, are the longest of them
_HEADERS = (("content-type", "application/json"), ("accept", "application/json, text/event-stream"))
_REQUEST_ID = "x-request-id"
_RETURNED_AS = {_REQUEST_ID: "x-upstream-request-id"}  # the answer has an identifier of our own


class _Target(Struct, frozen=True):
    """What every call to one upstream has in common."""

    settings: UpstreamSettings
    base_url: str
    transport: Transport
    timeouts: Timeouts
    limits: AnswerLimits
    headers: list[tuple[str, str]]
    """Those that every request has."""

    def __repr__(self) -> str:
        return f"_Target({self.base_url})"  # some of its headers are secret


class Upstreams:
    """The connections to the upstreams of a configuration; `transport` replaces those it asks for.

    `redactor` knows the secrets of the whole configuration, where there are others than the upstreams' own; `guarded`
    is whether callers have keys of this proxy.
    """

    def __init__(
        self,
        upstreams: Mapping[str, UpstreamSettings],
        transport: Transport | None = None,
        redactor: Redactor | None = None,
        *,
        guarded: bool = False,
    ) -> None:
        self._redactor = redactor or Redactor.of(upstreams)
        self._guarded = guarded
        self._transports: dict[tuple[str, bool, str | None, bool], Transport] = {}
        self._targets = {
            name: _Target(
                settings,
                settings.base_url,
                transport or self._transport(settings, settings.base_url),
                Timeouts(
                    settings.connect_timeout,
                    settings.first_byte_timeout,
                    settings.read_timeout,
                    settings.answer_timeout,
                ),
                AnswerLimits(settings.max_event_bytes, settings.max_answer_bytes),
                [*_HEADERS, *((name, value.reveal()) for name, value in settings.headers.items())],
            )
            for name, settings in upstreams.items()
            if settings.base_url is not None
        }
        self._endpoints: dict[tuple[str, str], Endpoint] = {}

    def _transport(self, settings: UpstreamSettings, base_url: str) -> Transport:
        secure = urlsplit(base_url).scheme == "https" or settings.ca_file is not None
        kind = (settings.transport, settings.verify_tls, settings.ca_file, secure)
        if kind not in self._transports:
            self._transports[kind] = create_transport(
                settings.transport,
                verify=settings.verify_tls,
                ca_file=settings.ca_file,
                max_connections=MAX_CONNECTIONS,
                secure=secure,
            )
        return self._transports[kind]

    def call(self, route: Route, body: bytes, client_headers: Mapping[str, str]) -> UpstreamCall:
        """A call that is made on opening it; `client_headers` by lower-case name."""
        target = self._targets[route.upstream_name]
        endpoint = self._endpoint(target.base_url, route.wire.path(route.dialect))
        return UpstreamCall(route, target, endpoint, body, client_headers, partial(self.teller, route, client_headers))

    def teller(self, route: Route, client_headers: Mapping[str, str]) -> ErrorTeller:
        """What a client hears of the upstream's errors, in which its own key and headers are hidden, too."""
        sent = route.upstream.forward_headers
        passed = [client_headers[name] for name in sent if name in client_headers] if sent else []
        if route.upstream.pass_client_key and "authorization" in client_headers:
            passed.append(client_headers["authorization"])
        redactor = self._redactor.and_of(passed) if passed else self._redactor
        return ErrorTeller(route.upstream_name, route.upstream, redactor, self._guarded)

    def told(self, route: Route, client_headers: Mapping[str, str], error: BridgeError) -> BridgeError:
        """An error of an answer as the client may see it."""
        return self.teller(route, client_headers)(error)

    def _endpoint(self, base_url: str, path: str) -> Endpoint:
        if (base_url, path) not in self._endpoints:
            self._endpoints[base_url, path] = Endpoint.parse(base_url + path)
        return self._endpoints[base_url, path]

    def asker(self, name: str, client_headers: Mapping[str, str]) -> str:
        """Whose key a question to the upstream has, as a digest; "" where it is the operator's, or there is none."""
        passes = self._targets[name].settings.pass_client_key
        key = client_headers.get("authorization", "") if passes else ""
        return digest_of(key) if key else ""

    async def get(self, name: str, path: str, client_headers: Mapping[str, str]) -> bytes:
        """The body of `GET {base_url}{path}`. Raises UpstreamError."""
        return await self.ask(name, f"{self._targets[name].settings.base_url}{path}", client_headers)

    async def ask(self, name: str, url: str, client_headers: Mapping[str, str], body: bytes | None = None) -> bytes:
        """What another address of the upstream answers, to POST where there is a `body`. Raises UpstreamError."""
        target = self._targets[name]
        authorization = _authorization(target.settings, client_headers)
        headers = _request_headers(target, "authorization", client_headers, authorization)
        endpoint = Endpoint.parse(url)
        method = "GET" if body is None else "POST"
        try:
            async with await target.transport.send(endpoint, headers, body, target.timeouts, method) as answer:
                answered = await answer.read(_MAX_FACTS_BYTES)
        except TransportError as error:
            raise _transport_error(error, name, endpoint) from error
        if answer.status != 200:
            message = f"The upstream '{name}' answered {answer.status} to {method} {endpoint.path}."
            raise QuestionRefused(message, answer.status)
        return answered

    async def aclose(self) -> None:
        for transport in self._transports.values():
            await transport.aclose()


class QuestionRefused(UpstreamError):
    """A question beside the requests was answered with another status than 200."""

    def __init__(self, message: str, answered: int) -> None:
        super().__init__(message, status=502)
        self.answered = answered


class UpstreamCall:
    """`headers` are those of the upstream's answer that may travel back to the client."""

    def __init__(
        self,
        route: Route,
        target: _Target,
        endpoint: Endpoint,
        body: bytes,
        client_headers: Mapping[str, str],
        teller: Callable[[], ErrorTeller],
    ) -> None:
        self.headers: dict[str, str] = {}
        self._route = route
        self._target = target
        self._endpoint = endpoint
        self._body = body
        self._client_headers = client_headers
        self._authorization = _authorization(route.upstream, client_headers)
        self._make_teller = teller
        self._answer: ChatAnswer | None = None

    def __repr__(self) -> str:
        state = "not open" if self._answer is None else repr(self._answer)
        return f"UpstreamCall({self._endpoint.address}, {state})"

    @cached_property
    def _teller(self) -> ErrorTeller:
        return self._make_teller()  # most answers need none

    @property
    def said_done(self) -> bool:
        return self._answer is not None and self._answer.said_done

    async def open(self) -> None:
        """Makes the call and waits for the head of its answer. Raises UpstreamError."""
        target = self._target
        headers = _request_headers(target, self._route.dialect.auth_header, self._client_headers, self._authorization)
        try:
            answer = await target.transport.send(self._endpoint, headers, self._body, target.timeouts)
            try:
                await self._accept(answer)
            except BaseException:
                await answer.aclose()
                raise
        except (TransportError, UpstreamError) as error:
            raise self._told(error) from None

    async def read(self) -> list[Chunk]:
        """The chunks that arrived together, and none when all have been read. Raises UpstreamError."""
        assert self._answer is not None, "the call has not been opened"
        try:
            chunks = await self._answer.read()
        except (TransportError, UpstreamError) as error:
            raise self._told(error) from None
        if not chunks and self._answer.left_open:
            facts = {"upstream": self._route.upstream_name, "reason": self._answer.left_open}
            _log.info("upstream left its answer open", extra=facts)
        return chunks

    def deliver(self, into: IntoChunks, straight: Straight | None) -> Awaitable[None]:
        """Gives `into` chunks as they arrive, until it answers False, or `read` has to say what comes next.

        What can go `straight` goes there.
        """
        assert self._answer is not None, "the call has not been opened"
        return self._answer.deliver(into, straight)

    async def aclose(self) -> None:
        if self._answer is not None:
            await self._answer.close()

    async def _accept(self, answer: Answer) -> None:
        self.headers = {
            _RETURNED_AS.get(name, name): self._teller.redactor(answer.headers[name])
            for name in self._route.upstream.return_headers
            if name in answer.headers
        }
        if 400 <= answer.status < 600:
            raise read_error(answer.status, await _error_body(answer), retry_after=retry_after(answer.headers))
        if answer.status != 200:
            raise UpstreamProtocolError(f"The upstream answered {answer.status}, which is no answer to this request.")
        self._answer = self._route.wire.reader(answer, self._target.limits)
        await self._answer.open()

    def _told(self, error: TransportError | UpstreamError) -> UpstreamError:
        """The error as the client may see it."""
        if isinstance(error, TransportError):
            reason = self._teller.redactor(str(error))
            _log.warning("upstream failed", extra={"upstream": self._route.upstream_name, "reason": reason})
            error = _transport_error(error, self._route.upstream_name, self._endpoint)
        told = self._teller.tell(error)
        told.headers = self.headers
        return told


async def _error_body(answer: Answer) -> bytes:
    try:
        return await answer.read(_MAX_ERROR_BYTES)
    except AnswerTooLarge:
        return b""


def _transport_error(error: TransportError, name: str, endpoint: Endpoint) -> UpstreamError:
    who = f"The upstream '{name}' at {endpoint.address}"
    if isinstance(error, TimedOut):
        return UpstreamError(f"{who} did not answer in time: {error}.", status=504, code="upstream_timeout")
    if isinstance(error, ConnectFailed):
        message = f"{who} could not be reached: {error.reason}."
    else:
        message = f"{who} was reached, but its answer failed: {error}."
    return UpstreamError(message, status=502, code="upstream_unreachable")


def _authorization(settings: UpstreamSettings, client_headers: Mapping[str, str]) -> str | None:
    if settings.api_key is not None:
        return f"Bearer {settings.api_key.reveal()}"
    return client_headers.get("authorization") if settings.pass_client_key else None


def _request_headers(
    target: _Target, name: str, client_headers: Mapping[str, str], authorization: str | None
) -> list[tuple[str, str]]:
    """`name` is the header that carries the key."""
    headers = target.headers.copy()
    if authorization is not None:
        headers.append((name, authorization if name == "authorization" else authorization.removeprefix("Bearer ")))
    if forwarded := target.settings.forward_headers:
        headers += [
            (name, client_headers[name]) for name in forwarded if name in client_headers and name != _REQUEST_ID
        ]
    if _REQUEST_ID in client_headers:  # last, as the transport likes what differs from request to request
        headers.append((_REQUEST_ID, client_headers[_REQUEST_ID]))
    return headers
