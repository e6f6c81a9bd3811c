"""`POST /v1/responses/compact`: a context window as its user messages and one sealed summary of all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct
from starlette.responses import Response

from proxy.endpoints.answers import json_answer
from proxy.endpoints.single_exchange import SingleExchange
from proxy.inbound.headers import answer_headers
from proxy.inbound.visit import Visit
from translators.errors import InvalidRequest
from translators.history.listed import listed
from translators.history.outline import outline_of
from translators.history.raw_items import join_items, split_input, with_id
from translators.report import Adaptation
from translators.schema.responses import NULL, ResponsesRequest, Usage

_TRIGGER = Raw(b'{"type":"compaction_trigger"}')
_TAKEN = frozenset(
    (
        *("model", "input", "previous_response_id", "instructions", "service_tier"),
        *("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"),
    )
)
# Parameters of a response that this endpoint does not have. Others are told of as in any request.
_NOT_TAKEN = frozenset(ResponsesRequest.__struct_fields__) - _TAKEN
_SAYS_NOTHING = (b"null", b"false")


class Compacted(Struct, tag_field="object", tag="response.compaction"):
    id: str
    created_at: int
    output: list[Any]
    usage: Usage


class CompactResponse(SingleExchange):
    async def answer(self, fields: dict[str, Raw], visit: Visit, mended: tuple[str, ...]) -> Response:
        ignored = _ignored(fields)
        given = _split(fields.get("input", NULL))
        asked = {name: raw for name, raw in fields.items() if name not in _NOT_TAKEN}
        exchange = await self.begin(asked | {"input": Raw(join_items([*given, _TRIGGER]))}, visit, mended)
        for adaptation in ignored:
            exchange.report(adaptation)
        await self.run(exchange)
        response = exchange.response
        said = [raw for raw in [*exchange.past.items, *given] if _by_user(raw)]
        messages = [listed(Raw(with_id(raw, self.services.new_id).json)) for raw in said]
        usage = response.usage or Usage(0, 0, 0)
        answer = json_answer(Compacted(response.id, response.created_at, [*messages, *response.output], usage))
        answer.raw_headers += answer_headers({}, exchange.adaptations)
        return answer


def _ignored(fields: Mapping[str, Raw]) -> list[Adaptation]:
    """What there is to tell of fields that a summary has no use for, as Codex sends its tools.

    Raises InvalidRequest for a conversation: what is asked to be summed up would not be in the summary.
    """
    said = [name for name, raw in fields.items() if name in _NOT_TAKEN and bytes(raw) not in _SAYS_NOTHING]
    if "conversation" in said:
        raise InvalidRequest(
            "'conversation' cannot be compacted: give its items as 'input', or its last response as"
            " 'previous_response_id'.",
            param="conversation",
            code="unsupported_parameter",
        )
    return [Adaptation("ignored", name, "compacting does not take it") for name in said]


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
