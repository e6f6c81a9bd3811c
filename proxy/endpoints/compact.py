"""`POST /v1/responses/compact`: a context window as its user messages and one sealed summary of all of it."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct
from starlette.responses import Response

from proxy.endpoints.answers import json_answer
from proxy.endpoints.single_exchange import SingleExchange
from proxy.inbound.visit import Visit
from translators.errors import InvalidRequest
from translators.history.listed import listed
from translators.history.outline import outline_of
from translators.history.raw_items import join_items, split_input, with_id
from translators.schema.responses import NULL, Usage

_TRIGGER = Raw(b'{"type":"compaction_trigger"}')
_FIELDS = ("model", "input", "previous_response_id", "instructions", "prompt_cache_key", "service_tier")


class Compacted(Struct, tag_field="object", tag="response.compaction"):
    id: str
    created_at: int
    output: list[Any]
    usage: Usage


class CompactResponse(SingleExchange):
    async def answer(self, fields: dict[str, Raw], visit: Visit, mended: tuple[str, ...]) -> Response:
        given = _split(fields.get("input", NULL))
        asked = {name: fields[name] for name in _FIELDS if name in fields}
        exchange = await self.begin(asked | {"input": Raw(join_items([*given, _TRIGGER]))}, visit, mended)
        await self.run(exchange)
        response = exchange.response
        said = [raw for raw in [*exchange.past.items, *given] if _by_user(raw)]
        messages = [listed(Raw(with_id(raw, self.services.new_id).json)) for raw in said]
        usage = response.usage or Usage(0, 0, 0)
        return json_answer(Compacted(response.id, response.created_at, [*messages, *response.output], usage))


def _split(raw: Raw) -> list[Raw]:
    """Reads the items of an input; an empty text is none. Raises InvalidRequest."""
    if bytes(raw) == b'""':
        return []
    try:
        return split_input(raw)
    except msgspec.ValidationError:
        message = "Invalid type for 'input': expected a string or a list of items."
        raise InvalidRequest(message, param="input", code="invalid_type") from None


def _by_user(raw: Raw) -> bool:
    return outline_of(raw).asks
