"""`UpstreamServer`: one upstream as every call to it sees it: where it is, its limits, the headers of a request."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from proxy.config import UpstreamSettings
from proxy.transports import Timeouts, Transport
from proxy.upstream.health import Condition
from translators.limits import AnswerLimits

REQUEST_ID = "x-request-id"
_EVERY_REQUEST = (("content-type", "application/json"), ("accept", "application/json, text/event-stream"))
_RETURNED_AS = {REQUEST_ID: "x-upstream-request-id"}  # the answer has an identifier of our own


class UpstreamServer(Struct, frozen=True):
    """`headers` are those of every request; `base_url` ends without a slash; calls tell their ends to `condition`."""

    name: str
    settings: UpstreamSettings
    base_url: str
    transport: Transport
    timeouts: Timeouts
    limits: AnswerLimits
    headers: list[tuple[str, str]]
    condition: Condition

    @classmethod
    def of(
        cls, name: str, settings: UpstreamSettings, base_url: str, transport: Transport, condition: Condition
    ) -> UpstreamServer:
        return cls(
            name,
            settings,
            base_url,
            transport,
            Timeouts(
                settings.connect_timeout, settings.first_byte_timeout, settings.read_timeout, settings.answer_timeout
            ),
            AnswerLimits(settings.max_event_bytes, settings.max_answer_bytes),
            [*_EVERY_REQUEST, *((header, value.reveal()) for header, value in settings.headers.items())],
            condition,
        )

    def __repr__(self) -> str:
        return f"UpstreamServer({self.name!r} at {self.base_url})"  # some of its headers are secret

    def request_headers(self, auth_header: str, client_headers: Mapping[str, str]) -> list[tuple[str, str]]:
        """The headers of one request, whose key travels in `auth_header`; `client_headers` by lower-case name."""
        headers = self.headers.copy()
        authorization = self._authorization(client_headers)
        if authorization is not None:
            bare = auth_header != "authorization"
            headers.append((auth_header, authorization.removeprefix("Bearer ") if bare else authorization))
        if forwarded := self.settings.forward_headers:
            headers += [
                (name, client_headers[name]) for name in forwarded if name in client_headers and name != REQUEST_ID
            ]
        if REQUEST_ID in client_headers:  # last, as the transport likes what differs from request to request
            headers.append((REQUEST_ID, client_headers[REQUEST_ID]))
        return headers

    def _authorization(self, client_headers: Mapping[str, str]) -> str | None:
        if self.settings.api_key is not None:
            return f"Bearer {self.settings.api_key.reveal()}"
        return client_headers.get("authorization") if self.settings.pass_client_key else None

    def returned(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Those of an answer's headers that travel back to the client, under the names they have there."""
        return {_RETURNED_AS.get(name, name): headers[name] for name in self.settings.return_headers if name in headers}
