"""`Recorder`: one response on its way into the store, as it stands at the moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from proxy.ids import NewId, response_of
from proxy.process.aside import LONG_BYTES, in_thread
from proxy.state.history import ConnectionMemory, History
from proxy.store.records import ACTIVE, StoredResponse
from translators.history.raw_items import NewItem, join_items, split_input, split_items, with_id
from translators.history.window import behind_compaction
from translators.items.compaction import OutputCompaction
from translators.long_text import LongJson, encode_json, encode_short
from translators.schema.responses import Response, ResponsesRequest
from translators.steps import in_steps

T = TypeVar("T")

NO_OUTPUT: list[Any] = []
_JSON = attrgetter("json")


class Recording(Struct, frozen=True):
    """`named` are the ids of items that do not tell their response, `appended` is what its conversation gains."""

    record: StoredResponse
    named: Sequence[str]
    appended: Sequence[NewItem]


class Recorder:
    """`owner` is whose the response is; `new_id` names the items that came without an id."""

    def __init__(self, params: ResponsesRequest, past: History, owner: str, new_id: NewId) -> None:
        self._params = params
        self._past = past
        self.owner = owner
        self._new_id = new_id
        self._input: list[NewItem] | None = None

    def _given(self) -> list[NewItem]:
        """The items of the input, each with its id, which it keeps."""
        if self._input is None:
            self._input = [with_id(raw, self._new_id) for raw in in_steps(split_input(self._params.input))]
        return self._input

    async def record_aside(
        self, response: Response, *, holder: str | None = None, lease_until: float | None = None
    ) -> Recording:
        """The same as `record`, in a thread where that is long."""
        return await self._aside(partial(self.record, response, holder=holder, lease_until=lease_until))

    async def remember_aside(self, response: Response) -> ConnectionMemory:
        """The same as `remember`, in a thread where that is long."""
        return await self._aside(partial(self.remember, response))

    async def _aside(self, make: Callable[..., T]) -> T:
        """What `make` makes with the `encode` that is given."""
        if memoryview(self._params.input).nbytes < LONG_BYTES:
            try:
                return make(encode=encode_short)
            except LongJson:
                pass
        return await in_thread(make, encode=encode_json)

    def record(
        self,
        response: Response,
        *,
        holder: str | None = None,
        lease_until: float | None = None,
        encode: Callable[[Any], bytes] = encode_json,
    ) -> Recording:
        """The response as it stands; it is found by its items, and its conversation gains them, when it has ended."""
        given, made = self._given(), [NewItem(item.id, encode(item)) for item in response.output]
        past = self._past
        record = StoredResponse(
            id=response.id,
            owner=self.owner,
            status=response.status,
            created_at=response.created_at,
            head=encode(msgspec.structs.replace(response, output=NO_OUTPUT)),
            input=join_items(list(map(_JSON, given))),
            output=join_items(list(map(_JSON, made))),
            parent=past.parent,
            root=past.root or response.id,
            conversation=past.conversation,
            background=response.background,
            compacted=OutputCompaction in map(type, response.output),
            holder=holder,
            lease_until=lease_until,
        )
        if response.status in ACTIVE:
            return Recording(record, (), ())
        items = [*given, *made]
        named = [item.id for item in items if response_of(item.id) != response.id]
        return Recording(record, named, items if past.conversation is not None else ())

    def remember(self, response: Response, encode: Callable[[Any], bytes] = encode_json) -> ConnectionMemory:
        """What the next response of the same connection goes on from."""
        own = [Raw(item.json) for item in self._given()]
        output = split_items(encode(response.output))
        items = behind_compaction([*self._past.items, *own, *output])
        return ConnectionMemory(response.id, self._past.root or response.id, items, self.owner)


def whole(record: StoredResponse, **changes: Any) -> bytes:
    """The response object as it was sent, or with `changes` to its fields."""
    fields = msgspec.json.decode(record.head, type=dict[str, Raw])
    changed = {name: Raw(msgspec.json.encode(value)) for name, value in changes.items()}
    return msgspec.json.encode(fields | {"output": Raw(record.output)} | changed)


def head(record: StoredResponse, **changes: Any) -> bytes:
    """The record's head with `changes` to its fields."""
    return whole(msgspec.structs.replace(record, output=b"[]"), **changes)
