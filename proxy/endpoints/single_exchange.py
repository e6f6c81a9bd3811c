"""`SingleExchange`: an endpoint that makes one exchange of its request and answers with a part of it.

Nothing of it is stored, and a client that goes away ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec
from msgspec import Raw
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from proxy.access import Access
from proxy.errors import error_response
from proxy.exchange import Exchange, Services
from proxy.request_body import BodyLimits, CancelledOnDisconnect, ClientGone, read_body
from translators.decode import check_depth, decode_as, on_one_line
from translators.errors import BridgeError


class SingleExchange:
    def __init__(self, services: Services, *, access: Access, limits: BodyLimits) -> None:
        self.services = services
        self._access = access
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            self._access.check(headers)
            body = on_one_line(await read_body(receive, self._limits.bytes, headers.get("content-length")))
            check_depth(body, self._limits.depth)
            fields = decode_as(dict[str, Raw], body)
            with CancelledOnDisconnect(receive):
                answer = await self.answer(fields, headers)
        except ClientGone:
            return
        except BridgeError as error:
            answer = error_response(error)
        await answer(scope, receive, send)

    async def answer(self, fields: dict[str, Raw], headers: Mapping[str, str]) -> Response:
        """Raises BridgeError."""
        raise NotImplementedError

    async def begin(self, fields: Mapping[str, Raw], headers: Mapping[str, str]) -> Exchange:
        """An exchange for these fields, neither stored nor streamed. Raises BridgeError."""
        left_out = ("stream", "stream_options", "background")
        kept = {name: value for name, value in fields.items() if name not in left_out}
        return await Exchange.begin(self.services, msgspec.json.encode(kept), headers, internal=True)

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
