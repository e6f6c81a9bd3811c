"""The stored responses: `GET`, `DELETE` and cancel of one, and the items it was made from."""

from __future__ import annotations

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from proxy.background.replay import Replay, replayed
from proxy.background.runs import BackgroundRuns, read_settled
from proxy.callers import first_found
from proxy.endpoints.answers import json_answer, raw_answer
from proxy.endpoints.lists import cut_page, item_list
from proxy.endpoints.queries import read_flag, read_integer, read_page
from proxy.exchange.services import Services
from proxy.inbound.visit import visit_of
from proxy.state.recording import whole
from proxy.store import StoredResponse
from translators.errors import InvalidRequest, bounded
from translators.history.continuation import chain_items
from translators.history.raw_items import split_items


class Deleted(Struct):
    id: str
    object: str
    deleted: bool = True


class StoredResponses:
    def __init__(self, services: Services, runs: BackgroundRuns, *, keep_alive_seconds: float) -> None:
        self._services = services
        self._store = services.store
        self._runs = runs
        self._keep_alive_seconds = keep_alive_seconds

    async def retrieve(self, request: Request) -> Response:
        record = await self._find(request)
        if not read_flag(request.query_params, "stream"):
            return raw_answer(whole(record))
        after = read_integer(request.query_params, "starting_after", -1)
        return Replay(await replayed(record, after, self._services, self._runs, self._keep_alive_seconds))

    async def delete(self, request: Request) -> Response:
        record = await self._find(request)
        await self._runs.stop(record.id)
        await self._store.delete(record.owner, record.id)
        return json_answer(Deleted(record.id, "response"))

    async def cancel(self, request: Request) -> Response:
        """Ends a background response; one that has ended already is answered as it is."""
        record = await self._find(request)
        if not record.background:
            raise InvalidRequest("Cannot cancel a synchronous response.")
        return raw_answer(whole(await self._runs.cancel(record)))

    async def input_items(self, request: Request) -> Response:
        """Lists all that the response was made from, the items of the responses before it included."""
        page = read_page(request.query_params)
        record = await self._find(request)
        chain = await self._store.chain(record.owner, record.id)
        items = chain_items(chain, whole=False) if chain else split_items(record.input)
        return json_answer(item_list(cut_page(items, page)))

    async def _find(self, request: Request) -> StoredResponse:
        """Raises InvalidRequest (404)."""
        response_id = request.path_params["response_id"]
        caller = visit_of(request.scope).caller
        record = await first_found(caller, lambda owner: read_settled(self._services, owner, response_id))
        if record is None:
            raise InvalidRequest(f"Response with id '{bounded(response_id)}' not found.", status=404)
        return record
