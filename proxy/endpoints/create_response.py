"""`POST /v1/responses`."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable
from functools import partial

import msgspec
from starlette.types import Receive, Scope, Send

from proxy.access import Access
from proxy.background import BackgroundRuns
from proxy.errors import error_response
from proxy.exchange import Exchange, Services
from proxy.headers import RawHeaders, answer_headers, request_headers
from proxy.http_protocol import body_writer
from proxy.log import tell
from proxy.replay import Replay, frames_of_run
from proxy.request_body import CancelledOnDisconnect, ClientGone, Lookout, read_request
from proxy.sse_response import EventStream
from translators.errors import BridgeError

_log = logging.getLogger(__name__)


class CreateResponse:
    """`POST /v1/responses`, as an ASGI application: a wrapper would hide the client's departure."""

    def __init__(
        self,
        services: Services,
        runs: BackgroundRuns,
        *,
        access: Access,
        max_body_bytes: int,
        keep_alive_seconds: float,
    ) -> None:
        self._runs = runs
        self._services = services
        self._access = access
        self._max_body_bytes = max_body_bytes
        self._keep_alive_seconds = keep_alive_seconds
        self._lookout = Lookout()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = request_headers(scope)
        try:
            self._access.check(headers)
            body = await read_request(receive, self._max_body_bytes, headers)
            exchange = await Exchange.begin(self._services, body, headers)
        except ClientGone:
            return
        except BridgeError as error:
            await error_response(error)(scope, receive, send)
            return
        started = time.perf_counter()
        try:
            with CancelledOnDisconnect(receive, self._lookout):
                await self._answer(exchange, scope, send)
        except ClientGone:
            tell(_log, "client gone", partial(_facts, exchange, started))
        except BridgeError as error:
            await error_response(error, exchange.adaptations)(scope, receive, send)
            tell(_log, "refused", partial(_facts, exchange, started, code=error.code, http=error.status))
        else:
            tell(_log, "answered", partial(_facts, exchange, started))
        finally:
            if not exchange.background:
                await exchange.close()

    def _answer(self, exchange: Exchange, scope: Scope, send: Send) -> Awaitable[None]:
        """Raises BridgeError as long as nothing has been sent."""
        if exchange.background:
            return self._answer_at_once(exchange, send)
        if exchange.streamed:
            return EventStream(exchange, send, self._keep_alive_seconds, body_writer(scope)).run()
        return self._answer_whole(exchange, send)

    async def _answer_whole(self, exchange: Exchange, send: Send) -> None:
        await exchange.open()
        while not exchange.ended:
            await exchange.read()
        if exchange.error is not None:
            raise exchange.error
        answer = msgspec.json.encode(exchange.response)
        await _send_json(send, answer, answer_headers(exchange.headers, exchange.adaptations))

    async def _answer_at_once(self, exchange: Exchange, send: Send) -> None:
        """The response as queued, or its events from the first on."""
        queued = exchange.response
        headers = answer_headers({}, exchange.adaptations)
        run = await self._runs.start(exchange)
        if exchange.streamed:
            await Replay(frames_of_run(run, -1, self._keep_alive_seconds), headers).run(send)
        else:
            await _send_json(send, msgspec.json.encode(queued), headers)


async def _send_json(send: Send, body: bytes, headers: RawHeaders) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *headers,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _facts(exchange: Exchange, started: float, **more: object) -> dict[str, object]:
    """What the log says of an exchange: names, counts and durations, nothing that anybody wrote."""
    response = exchange.response
    facts: dict[str, object] = {
        "response": response.id,
        "model": exchange.route.name,
        "upstream": exchange.route.upstream_name,
        "status": response.status,
        "stream": exchange.streamed,
        "seconds": round(time.perf_counter() - started, 3),
    }
    if response.usage is not None:
        facts |= {"input_tokens": response.usage.input_tokens, "output_tokens": response.usage.output_tokens}
    if exchange.adaptations:
        facts["adapted"] = "; ".join(map(str, exchange.adaptations))
    return facts | more if more else facts
