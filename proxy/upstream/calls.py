"""`UpstreamCall`: `open` it, `read` its chunks, `aclose` it.

To open it is to wait for the head of the answer: a refusal is an `UpstreamError` with the upstream's own status,
and so is whatever goes wrong later. No message holds a key.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from proxy.transports import Answer, AnswerTooLarge, ConnectFailed, Endpoint, TimedOut, TransportError
from proxy.upstream.body import AnswerBody, IntoChunks, Straight
from proxy.upstream.health import LEFT, Failure
from proxy.upstream.plan import Route
from proxy.upstream.refusals import ErrorTeller, transport_error
from proxy.upstream.server import UpstreamServer
from translators.errors import UpstreamError, UpstreamProtocolError
from translators.recovery.retry_after import retry_after
from translators.recovery.upstream_errors import read_error
from translators.wire.chunk_template import Chunk

_log = logging.getLogger(__name__)

_MAX_ERROR_BYTES = 1 << 20


class UpstreamCall:
    """`headers` are those of the upstream's answer that may travel back to the client.

    A call begins as it is opened, and ends once: where it cannot be opened, or as it is closed.
    """

    def __init__(
        self,
        route: Route,
        server: UpstreamServer,
        endpoint: Endpoint,
        body: bytes,
        client_headers: Mapping[str, str],
        teller: Callable[[], ErrorTeller],
    ) -> None:
        self.headers: dict[str, str] = {}
        self._route = route
        self._server = server
        self._endpoint = endpoint
        self._body = body
        self._client_headers = client_headers
        self._make_teller = teller
        self._made_teller: ErrorTeller | None = None
        self._answer: AnswerBody | None = None
        self._code = LEFT  # by which its end is counted
        self._under_way = False

    def __repr__(self) -> str:
        state = "not open" if self._answer is None else repr(self._answer)
        return f"UpstreamCall({self._endpoint.address}, {state})"

    def _hide(self, text: str) -> str:
        return self._teller().redactor(text)

    def _teller(self) -> ErrorTeller:
        """Made where one is needed: most answers need none."""
        if self._made_teller is None:
            self._made_teller = self._make_teller()
        return self._made_teller

    @property
    def said_done(self) -> bool:
        return self._answer is not None and self._answer.said_done

    async def open(self) -> None:
        """Makes the call and waits for the head of its answer. Raises UpstreamError."""
        server = self._server
        headers = server.request_headers(self._route.dialect.auth_header, self._client_headers)
        server.condition.begin()
        self._under_way = True
        try:
            answer = await server.transport.send(self._endpoint, headers, self._body, server.timeouts)
            try:
                await self._accept(answer)
            except BaseException:
                await answer.aclose()
                raise
        except (TransportError, UpstreamError) as error:
            raise self._not_opened(error) from None
        except BaseException:
            self._count_end()
            raise

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
        """Once, or more often."""
        self._count_end()
        if self._answer is not None:
            await self._answer.close()

    def _count_end(self) -> None:
        if self._under_way:
            self._under_way = False
            self._server.condition.end(self._code)

    async def _accept(self, answer: Answer) -> None:
        returned = self._server.returned(answer.headers)
        self.headers = {name: self._hide(value) for name, value in returned.items()}
        if 400 <= answer.status < 600:
            raise read_error(answer.status, await _error_body(answer), retry_after=retry_after(answer.headers))
        if answer.status != 200:
            raise UpstreamProtocolError(f"The upstream answered {answer.status}, which is no answer to this request.")
        self._answer = self._route.wire.reader(answer, self._server.limits)
        await self._answer.open()
        self._code = "200"

    def _told(self, error: TransportError | UpstreamError) -> UpstreamError:
        """The error as the client may see it."""
        self._code = _code_of(error)
        if isinstance(error, TransportError):
            reason = self._hide(str(error))
            _log.warning("upstream failed", extra={"upstream": self._route.upstream_name, "reason": reason})
            error = transport_error(error, self._route.upstream_name, self._endpoint.address)
        told = self._teller().tell(error)
        told.headers = self.headers
        return told

    def _not_opened(self, error: TransportError | UpstreamError) -> UpstreamError:
        """The same, for a call that ends with it."""
        told = self._told(error)
        self._count_end()
        return told


def _code_of(error: TransportError | UpstreamError) -> str:
    """What the end of a call that failed is counted by."""
    failure: Failure
    if isinstance(error, TimedOut):
        failure = "timeout"
    elif isinstance(error, ConnectFailed):
        failure = "unreachable"
    elif isinstance(error, TransportError | UpstreamProtocolError):
        failure = "broken"
    else:
        return str(error.status)
    return failure


async def _error_body(answer: Answer) -> bytes:
    try:
        return await answer.read(_MAX_ERROR_BYTES)
    except AnswerTooLarge:
        return b""
