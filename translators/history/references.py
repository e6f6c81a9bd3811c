"""`item_reference`: which items an input refers to, and the input with those in their place.

An item is looked for in what the request goes on from, then in the store: there with each owner that the caller stands
for, in their order, and only as long as it has not been found (`missing`). So whoever looks is the shell, and what was
found first counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Raw

from translators.asking.parse import ParsedRequest
from translators.errors import InvalidRequest, bounded
from translators.history.outline import outline_of
from translators.history.raw_items import item_id, split_input
from translators.items.item import Item

# One item may be referred to any number of times: a small request would become one of many gigabytes. No model takes
# as much as this.
MAX_REFERRED_BYTES = 64 << 20

Found = dict[str, Raw]
"""The items that were found, by their ids."""


def references(items: Sequence[Item | Raw]) -> dict[int, str]:
    """The ids of the items that others refer to, by the place of the reference."""
    if Raw not in map(type, items):  # no reference is among those that have been read
        return {}
    return {
        index: id_ for index, item in enumerate(items) if type(item) is Raw and (id_ := _referred(item)) is not None
    }


def _referred(raw: Raw) -> str | None:
    item = outline_of(raw)
    refers = item.type == "item_reference" or (item.type is None and item.role is None)
    return item.id if refers else None


def check_count(wanted: Mapping[int, str], limit: int) -> None:
    """Raises InvalidRequest for more references than `limit`, which is `store.max_references`."""
    if len(wanted) > limit:
        raise InvalidRequest(
            f"'input' refers to {len(wanted)} items, and {limit} are allowed (store.max_references).",
            param="input",
            code="too_many_references",
        )


def by_id(items: Iterable[Raw]) -> Found:
    """The items of a history, by their ids; of several with one id the last."""
    return {item_id(raw): raw for raw in items}


def missing(wanted: Mapping[int, str], found: Found) -> list[str]:
    """The ids that have yet to be looked for, in the order of their references."""
    return [id_ for id_ in wanted.values() if id_ not in found]


def resolved(parsed: ParsedRequest, wanted: Mapping[int, str], found: Found) -> ParsedRequest:
    """The same request with items in the place of the references to them.

    Raises InvalidRequest for one that was not found, and for what is longer than `MAX_REFERRED_BYTES` together.
    """
    items = split_input(parsed.params.input)
    for index, id_ in wanted.items():
        if id_ not in found:
            raise InvalidRequest(
                f"Item with id '{bounded(id_)}' not found. "
                "Items are not kept when 'store' is false: send them in full.",
                param=f"input[{index}].id",
                code="item_not_found",
            )
        items[index] = found[id_]
    if sum(map(len, items)) > MAX_REFERRED_BYTES:
        raise InvalidRequest(
            f"The items that 'input' refers to are longer than {MAX_REFERRED_BYTES} bytes together.",
            param="input",
            code="context_length_exceeded",
        )
    params = msgspec.structs.replace(parsed.params, input=Raw(msgspec.json.encode(items)))
    return msgspec.structs.replace(ParsedRequest.of(params), unknown=parsed.unknown)
