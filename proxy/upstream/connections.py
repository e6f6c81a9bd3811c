"""`Upstreams`: the connections to all upstreams, over which requests are sent and questions beside them are asked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from urllib.parse import urlsplit

from proxy.callers import digest_of
from proxy.config import UpstreamSettings
from proxy.transports import Endpoint, Transport, TransportError, create_transport
from proxy.upstream.calls import UpstreamCall
from proxy.upstream.health import Health
from proxy.upstream.plan import Route
from proxy.upstream.redaction import Redactor
from proxy.upstream.refusals import ErrorTeller, transport_error
from proxy.upstream.server import UpstreamServer
from translators.errors import BridgeError, UpstreamError

MAX_CONNECTIONS = 10_000
_MAX_FACTS_BYTES = 64 << 20  # the tokens of a long prompt, one by one, are the longest of them


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
        bases = {name: settings.base_url for name, settings in upstreams.items() if settings.base_url is not None}
        self.health = Health(bases)
        self._servers = {
            name: UpstreamServer.of(
                name,
                upstreams[name],
                base_url,
                transport or self._transport(upstreams[name], base_url),
                self.health[name],
            )
            for name, base_url in bases.items()
        }
        self._endpoints: dict[tuple[str, str], Endpoint] = {}

    def __repr__(self) -> str:
        return f"Upstreams({', '.join(f'{name}: {condition!r}' for name, condition in self.health.items())})"

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
        server = self._servers[route.upstream_name]
        endpoint = self._endpoint(server.base_url, route.wire.path(route.dialect))
        return UpstreamCall(route, server, endpoint, body, client_headers, partial(self.teller, route, client_headers))

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
        passes = self._servers[name].settings.pass_client_key
        key = client_headers.get("authorization", "") if passes else ""
        return digest_of(key) if key else ""

    async def get(self, name: str, path: str, client_headers: Mapping[str, str]) -> bytes:
        """The body of `GET {base_url}{path}`. Raises UpstreamError."""
        return await self.ask(name, f"{self._servers[name].settings.base_url}{path}", client_headers)

    async def ask(self, name: str, url: str, client_headers: Mapping[str, str], body: bytes | None = None) -> bytes:
        """What another address of the upstream answers, to POST where there is a `body`. Raises UpstreamError."""
        server = self._servers[name]
        headers = server.request_headers("authorization", client_headers)
        endpoint = Endpoint.parse(url)
        method = "GET" if body is None else "POST"
        try:
            async with await server.transport.send(endpoint, headers, body, server.timeouts, method) as answer:
                answered = await answer.read(_MAX_FACTS_BYTES)
        except TransportError as error:
            raise transport_error(error, name, endpoint.address) from error
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
