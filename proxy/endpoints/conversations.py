"""`/v1/conversations` and their items."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Raw, Struct
from starlette.requests import Request
from starlette.responses import Response

from proxy.callers import first_found
from proxy.endpoints.answers import json_answer
from proxy.endpoints.lists import ItemList, item_list
from proxy.endpoints.queries import read_page
from proxy.endpoints.responses import Deleted
from proxy.exchange.services import Services
from proxy.inbound.body import BodyLimits, read_request
from proxy.inbound.visit import visit_of
from proxy.store import Conversation
from proxy.store.records import Listing
from translators.asking.read_items import decode_item
from translators.decode import check_depth, decode_as, on_one_line
from translators.errors import InvalidRequest, bounded
from translators.history.continuation import conversation_not_found
from translators.history.listed import listed
from translators.history.raw_items import NewItem, with_id
from translators.ids import CONVERSATION
from translators.report import Report
from translators.schema.responses import Metadata
from translators.surrogates import mended

MAX_ITEMS = 20

T = TypeVar("T")


class _Create(Struct):
    metadata: Metadata | None = None
    items: list[Raw] | None = None


class _Update(Struct):
    metadata: Metadata


class _Append(Struct):
    items: list[Raw]


class ConversationObject(Struct, tag_field="object", tag="conversation"):
    id: str
    created_at: int
    metadata: dict[str, str]


class Conversations:
    def __init__(self, services: Services, *, limits: BodyLimits) -> None:
        self._store = services.store
        self._clock = services.clock
        self._new_id = services.new_id
        self._max_depth = services.max_depth
        self._limits = limits

    async def create(self, request: Request) -> Response:
        wanted = await self._read(request, _Create)
        conversation = Conversation(
            id=self._new_id(CONVERSATION),
            owner=visit_of(request.scope).caller.owner,
            created_at=int(self._clock()),
            metadata=wanted.metadata or {},
        )
        await self._store.create_conversation(conversation, self._new_items(wanted.items or []))
        return _shown(conversation)

    async def retrieve(self, request: Request) -> Response:
        return _shown(await self._find(request))

    async def update(self, request: Request) -> Response:
        found = await self._find(request)
        wanted = await self._read(request, _Update)
        changed = msgspec.structs.replace(found, metadata=wanted.metadata)
        await self._store.set_metadata(found.owner, found.id, changed.metadata)
        return _shown(changed)

    async def delete(self, request: Request) -> Response:
        found = await self._find(request)
        await self._store.delete_conversation(found.owner, found.id)
        return json_answer(Deleted(found.id, "conversation.deleted"))

    async def append(self, request: Request) -> Response:
        found = await self._find(request)
        items = self._new_items((await self._read(request, _Append)).items)
        await self._store.append_items(found.id, items, int(self._clock()))
        return json_answer(item_list(Listing([Raw(item.json) for item in items], more=False)))

    async def items(self, request: Request) -> Response:
        page = read_page(request.query_params)
        found = await self._find(request)
        listing: ItemList = item_list(await self._store.conversation_items(found.id, page))
        return json_answer(listing)

    async def item(self, request: Request) -> Response:
        found = await self._find(request)
        item_id = request.path_params["item_id"]
        item = await self._store.conversation_item(found.id, item_id)
        if item is None:
            raise _no_item(item_id, found.id)
        return json_answer(listed(item))

    async def delete_item(self, request: Request) -> Response:
        found = await self._find(request)
        item_id = request.path_params["item_id"]
        if not await self._store.delete_item(found.id, item_id):
            raise _no_item(item_id, found.id)
        return _shown(found)

    async def _find(self, request: Request) -> Conversation:
        """Raises InvalidRequest (404)."""
        conversation_id = request.path_params["conversation_id"]
        caller = visit_of(request.scope).caller
        found = await first_found(caller, lambda owner: self._store.conversation(owner, conversation_id))
        if found is None:
            raise conversation_not_found(conversation_id)
        return found

    async def _read(self, request: Request, kind: type[T]) -> T:
        body = on_one_line(mended(await read_request(request.receive, self._limits, request.headers)))
        check_depth(body, self._max_depth)
        return decode_as(kind, body or b"{}")

    def _new_items(self, raws: list[Raw]) -> list[NewItem]:
        """Raises InvalidRequest for what is no item, which no later request could be made from."""
        if len(raws) > MAX_ITEMS:
            raise InvalidRequest(f"'items' holds more than {MAX_ITEMS} items.", param="items", code="invalid_value")
        report = Report()
        for index, raw in enumerate(raws):
            decode_item(raw, f"items[{index}]", report)
        return [with_id(raw, self._new_id) for raw in raws]


def _shown(conversation: Conversation) -> Response:
    return json_answer(ConversationObject(conversation.id, conversation.created_at, conversation.metadata))


def _no_item(item_id: str, conversation_id: str) -> InvalidRequest:
    return InvalidRequest(
        f"Item with id '{bounded(item_id)}' not found in conversation '{bounded(conversation_id)}'.", status=404
    )
