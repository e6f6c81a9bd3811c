"""`POST /v1/responses/input_tokens`: how many tokens a request would have, without an answer to it.

Counted by the upstream itself: by its tokenizer where it has one that takes messages, else by a request for one
token, whose usage is read; where it tells none, by an estimate. A header says which.
"""

from __future__ import annotations

from msgspec import Raw, Struct
from starlette.responses import Response

from proxy.endpoints.answers import json_answer
from proxy.endpoints.single_exchange import SingleExchange
from proxy.exchange.exchange import Exchange
from proxy.inbound.visit import Visit
from proxy.upstream.tokenizers import count_tokens
from translators.errors import UpstreamError

COUNTED_BY = "x-dragoman-counted-by"


class InputTokenCount(Struct, tag_field="object", tag="response.input_tokens"):
    input_tokens: int


class InputTokens(SingleExchange):
    async def answer(self, fields: dict[str, Raw], visit: Visit, mended: tuple[str, ...]) -> Response:
        exchange = await self.begin(fields | {"max_output_tokens": Raw(b"1")}, visit, mended)
        count = await count_tokens(self.services.sender.upstreams, exchange.route, exchange.chat, visit.headers)
        how = "tokenizer"
        if count is None:
            how = "probe"
            await self._probe(exchange)
            usage = exchange.response.usage
            if usage is None:
                raise UpstreamError("The upstream does not tell how many tokens a request has.", code="server_error")
            count = usage.input_tokens
            if _is_estimated(exchange):
                how = "estimate"
        answer = json_answer(InputTokenCount(count))
        answer.headers[COUNTED_BY] = how
        return answer

    async def _probe(self, exchange: Exchange) -> None:
        """Asks for one token. An answer that could not stand as a response's, as a call of a tool that is not allowed,
        has cost as many tokens as any other. Raises BridgeError where nobody counted."""
        try:
            await self.run(exchange)
        except UpstreamError:
            usage = exchange.response.usage
            if usage is None or not usage.input_tokens or _is_estimated(exchange):
                raise


def _is_estimated(exchange: Exchange) -> bool:
    return any(adaptation.param == "usage" for adaptation in exchange.adaptations)
