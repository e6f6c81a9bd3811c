"""What is kept between requests: responses, conversations, the events of background streams."""

from __future__ import annotations

from proxy.store.create import create_store
from proxy.store.records import ACTIVE, Conversation, Limits, Page, StoredResponse, Turn
from proxy.store.store import Store, StoreError, StoreMisconfigured, of_files

__all__ = [
    "ACTIVE",
    "Conversation",
    "Limits",
    "Page",
    "Store",
    "StoreError",
    "StoreMisconfigured",
    "StoredResponse",
    "Turn",
    "create_store",
    "of_files",
]
