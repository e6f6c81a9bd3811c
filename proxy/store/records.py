"""What the store takes and gives. Items and response objects are JSON, byte for byte as they were sent."""

from __future__ import annotations

from msgspec import Raw, Struct

ACTIVE = ("queued", "in_progress")


class StoredResponse(Struct, frozen=True, kw_only=True):
    """`head` is the response object without its output, `input` and `output` are JSON arrays of items.

    `root` is the first response of its thread; `compacted` says that `output` holds a compaction item, which
    stands for all before it. An active one belongs to `holder` until `lease_until` (Unix seconds).
    """

    id: str
    owner: str
    status: str
    created_at: int
    head: bytes
    input: bytes
    output: bytes
    parent: str | None = None
    root: str
    conversation: str | None = None
    background: bool = False
    compacted: bool = False
    holder: str | None = None
    lease_until: float | None = None

    @property
    def active(self) -> bool:
        return self.status in ACTIVE

    @property
    def size(self) -> int:
        return len(self.head) + len(self.input) + len(self.output)


class Turn(Struct, frozen=True):
    """One response as its successors see it."""

    id: str
    status: str
    parent: str | None
    root: str
    compacted: bool
    input: bytes
    output: bytes


class Conversation(Struct, frozen=True, kw_only=True):
    id: str
    owner: str
    created_at: int
    metadata: dict[str, str]


class Page(Struct, frozen=True):
    """Which part of a list: at most `limit` behind the item `after`, newest first if `descending`."""

    limit: int = 20
    descending: bool = True
    after: str | None = None


class Listing(Struct, frozen=True):
    """A part of a list; `more` says whether it goes on."""

    items: list[Raw]
    more: bool


class Limits(Struct, frozen=True, kw_only=True):
    """What the store may keep; 0 stands for no limit. Ages are in seconds, counted from a thread's last use."""

    max_age: float = 0
    max_conversation_age: float = 0
    max_responses: int = 0
    max_bytes: int = 0
