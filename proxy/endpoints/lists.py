"""`ItemList`: a page of items as OpenAI's lists are shaped."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Raw, Struct

from proxy.store import Page
from proxy.store.records import Listing
from translators.history.listed import listed
from translators.history.raw_items import item_id


class ItemList(Struct, tag_field="object", tag="list"):
    data: list[Raw]
    first_id: str | None
    last_id: str | None
    has_more: bool


def item_list(listing: Listing) -> ItemList:
    ids = [item_id(raw) for raw in listing.items]
    shown = [listed(raw) for raw in listing.items]
    return ItemList(shown, ids[0] if ids else None, ids[-1] if ids else None, listing.more)


def cut_page(items: Sequence[Raw], page: Page) -> Listing:
    """Cuts the page out of a list that is at hand, oldest first. An unknown `after` gives nothing."""
    ordered = list(reversed(items)) if page.descending else list(items)
    if page.after is not None:
        places = [index for index, raw in enumerate(ordered) if item_id(raw) == page.after]
        ordered = ordered[places[0] + 1 :] if places else []
    return Listing(ordered[: page.limit], more=len(ordered) > page.limit)
