"""`Store`: what any backend of the store does. Every method may raise StoreError, and nothing else of the database's.

What belongs to another owner is not there. Each write is whole or absent, and durable when its call returns.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Protocol

from msgspec import Raw

from proxy.store.records import Conversation, Limits, Listing, Page, StoredResponse, Turn
from translators.errors import BridgeError
from translators.history.raw_items import NewItem

# What no later try mends: whoever runs the program has to change what these tell of.
_LASTING = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS),
        *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG),
    }
)


class StoreError(BridgeError):
    """The database cannot be used; its `message` may reach a client, the cause behind it not.

    `reason` is that cause in a few words without names, addresses or values: readiness tells it.
    """

    status = 503

    def __init__(
        self, message: str = "The store of responses cannot be used at the moment.", *, reason: str = "the store failed"
    ) -> None:
        super().__init__(message, code="store_unavailable")
        self.reason = reason


class StoreMisconfigured(StoreError):
    """It cannot be used before the configuration, or what it names, is changed; `message` says what and how."""


def of_files(error: Exception) -> type[StoreError]:
    """Which of the two it is that the file system gave this error."""
    return StoreMisconfigured if isinstance(error, OSError) and error.errno in _LASTING else StoreError


class Store(Protocol):
    async def open(self) -> None:
        """Connects, and brings the schema up to date."""

    async def close(self) -> None: ...

    async def probe(self, now: float) -> None:
        """Writes a row and looks for damage: does nothing where the store can do its work. Raises StoreError."""

    # --- responses -------------------------------------------------------------------------------

    async def put(
        self, record: StoredResponse, named: Sequence[str] = (), appended: Sequence[NewItem] = (), events: bytes = b""
    ) -> None:
        """Keeps a new response, findable by the ids in `named`, and appends items to its conversation.

        An item whose id tells its response (`proxy.ids`) is found without being named.
        """

    async def get(self, owner: str, response_id: str) -> StoredResponse | None: ...

    async def delete(self, owner: str, response_id: str) -> bool: ...

    async def chain(self, owner: str, response_id: str) -> list[Turn]:
        """The response and those it continues, oldest first, in one query; empty where there is none.

        Ends at a compacted one. Where the first has a parent that is missing, that was deleted.
        """

    async def find_items(self, owner: str, ids: Sequence[str]) -> dict[str, Raw]:
        """Of these items those that are known."""

    # --- background ------------------------------------------------------------------------------

    async def append_events(self, response_id: str, holder: str, first: int, frames: bytes, until: float) -> bool:
        """Keeps frames numbered from `first` and extends the lease; false where it is not `holder`'s any more."""

    async def events(self, owner: str, response_id: str, after: int) -> list[tuple[int, bytes]]:
        """The batches, each with the number of its first frame, that hold frames behind number `after`."""

    async def update(
        self,
        record: StoredResponse,
        holder: str,
        *,
        named: Sequence[str] = (),
        appended: Sequence[NewItem] = (),
        first: int = 0,
        frames: bytes = b"",
    ) -> bool:
        """Replaces an active response that belongs to `holder`, with its last events; false where it does not."""

    async def end(
        self, record: StoredResponse, *, expired_at: float | None = None, first: int = 0, frames: bytes = b""
    ) -> bool:
        """Ends an active response from outside with `record`'s status and head, and events if any.

        With `expired_at` only where its lease has ended by then. False where it was no longer active.
        """

    async def expired(self, now: float) -> list[StoredResponse]:
        """Active responses whose lease has ended."""

    # --- conversations ---------------------------------------------------------------------------

    async def create_conversation(self, conversation: Conversation, items: Sequence[NewItem]) -> None: ...

    async def conversation(self, owner: str, conversation_id: str) -> Conversation | None: ...

    async def set_metadata(self, owner: str, conversation_id: str, metadata: dict[str, str]) -> bool: ...

    async def delete_conversation(self, owner: str, conversation_id: str) -> bool: ...

    async def hold_conversation(self, owner: str, conversation_id: str, holder: str, now: float, until: float) -> bool:
        """Gives the conversation to `holder` until then; false where another one holds it, or there is none."""

    async def renew_conversation(self, conversation_id: str, holder: str, until: float) -> bool: ...

    async def free_conversation(self, conversation_id: str, holder: str) -> bool: ...

    async def append_items(self, conversation_id: str, items: Sequence[NewItem], now: int) -> None: ...

    async def conversation_items(self, conversation_id: str, page: Page | None = None) -> Listing:
        """A page of the items, or all of them, oldest first. An unknown `after` gives nothing."""

    async def conversation_item(self, conversation_id: str, item_id: str) -> Raw | None: ...

    async def delete_item(self, conversation_id: str, item_id: str) -> bool: ...

    # --- retention -------------------------------------------------------------------------------

    async def sweep(self, limits: Limits, now: float) -> int:
        """Removes what is over the limits, a few rows at a time; how many responses went."""
