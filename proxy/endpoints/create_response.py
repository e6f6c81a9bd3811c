"""`POST /v1/responses`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import msgspec
from starlette.types import Message, Receive, Scope, Send

from proxy.background.replay import Replay, frames_of_run
from proxy.background.runs import BackgroundRuns
from proxy.endpoints.event_stream import EventStream
from proxy.exchange.beginning import begin_exchange
from proxy.exchange.exchange import Exchange
from proxy.exchange.services import Services
from proxy.inbound.body import BodyLimits, CancelledOnDisconnect, Lookout, read_request
from proxy.inbound.headers import RawHeaders, answer_headers
from proxy.inbound.visit import VISIT, Visit
from proxy.net.body_writer import body_writer
from translators.long_text import LongJson, encode_short, gathered, json_pieces
from translators.schema.responses import Response

_MOST_AT_ONCE = 1 << 18  # bytes of a long answer, before others have their turn


class CreateResponse:
    """`POST /v1/responses`, as an ASGI application: a wrapper would hide the client's departure."""

    def __init__(
        self,
        services: Services,
        runs: BackgroundRuns,
        *,
        limits: BodyLimits,
        keep_alive_seconds: float,
    ) -> None:
        self._runs = runs
        self._services = services
        self._limits = limits
        self._keep_alive_seconds = keep_alive_seconds
        self._lookout = Lookout()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises BridgeError as long as nothing has been sent, and ClientGone."""
        visit: Visit = scope[VISIT]
        body = await read_request(receive, self._limits, visit.headers)
        exchange = await begin_exchange(self._services, body, visit.headers, visit.caller)
        visit.exchange = exchange
        try:
            with CancelledOnDisconnect(receive, self._lookout):
                await self._answer(exchange, scope, send)
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
        headers = answer_headers(exchange.headers, exchange.adaptations)
        try:
            answer = encode_short(exchange.response)
        except LongJson:
            await _send_long_json(send, exchange.response, headers)
        else:
            await _send_json(send, answer, headers)

    async def _answer_at_once(self, exchange: Exchange, send: Send) -> None:
        """Sends a background response as queued, or its events from the first on."""
        queued = exchange.response
        headers = answer_headers({}, exchange.adaptations)
        run = await self._runs.start(exchange)
        if exchange.streamed:
            await Replay(frames_of_run(run, -1, self._keep_alive_seconds), headers).run(send)
        else:
            await _send_json(send, msgspec.json.encode(queued), headers)


async def _send_json(send: Send, body: bytes, headers: RawHeaders) -> None:
    await send(_head(len(body), headers))
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _send_long_json(send: Send, response: Response, headers: RawHeaders) -> None:
    """Sends a long answer in pieces, between which others have their turn."""
    pieces: list[bytes] = []
    for piece in gathered(json_pieces(response), _MOST_AT_ONCE):
        pieces.append(piece)
        await asyncio.sleep(0)
    await send(_head(sum(map(len, pieces)), headers))
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _head(size: int, headers: RawHeaders) -> Message:
    own = [(b"content-type", b"application/json"), (b"content-length", str(size).encode())]
    return {"type": "http.response.start", "status": 200, "headers": [*own, *headers]}
