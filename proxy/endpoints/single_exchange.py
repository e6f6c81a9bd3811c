"""`SingleExchange`: an endpoint that makes one exchange of its request and answers with a part of it.

Nothing of it is stored, and a client that goes away ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec
from msgspec import Raw
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from proxy.exchange.beginning import begin_exchange
from proxy.exchange.exchange import Exchange
from proxy.exchange.services import Services
from proxy.inbound.body import BodyLimits, CancelledOnDisconnect, read_request
from proxy.inbound.visit import Visit, visit_of
from translators.asking.parse import mend
from translators.decode import check_depth, decode_as


class SingleExchange:
    def __init__(self, services: Services, *, limits: BodyLimits) -> None:
        self.services = services
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = visit_of(scope)
        body, mended = mend(await read_request(receive, self._limits, visit.headers))
        check_depth(body, self._limits.depth)
        fields = decode_as(dict[str, Raw], body)
        with CancelledOnDisconnect(receive):
            answer = await self.answer(fields, visit, mended)
        await answer(scope, receive, send)

    async def answer(self, fields: dict[str, Raw], visit: Visit, mended: tuple[str, ...]) -> Response:
        """`mended` names the fields that held halves of surrogate pairs. Raises BridgeError."""
        raise NotImplementedError

    async def begin(self, fields: Mapping[str, Raw], visit: Visit, mended: tuple[str, ...]) -> Exchange:
        """An exchange for these fields, neither stored nor streamed. Raises BridgeError."""
        left_out = ("stream", "stream_options", "background")
        kept = {name: value for name, value in fields.items() if name not in left_out}
        body = msgspec.json.encode(kept)
        visit.exchange = await begin_exchange(
            self.services, body, visit.headers, visit.caller, internal=True, mended=mended
        )
        return visit.exchange

    async def run(self, exchange: Exchange) -> None:
        """Raises BridgeError where the response failed."""
        try:
            await exchange.open()
            while not exchange.ended:
                await exchange.read()
        finally:
            await asyncio.shield(exchange.close())
        if exchange.error is not None:
            raise exchange.error
