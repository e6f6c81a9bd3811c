"""The query parameters that lists and replays take. Each reader raises InvalidRequest."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.store import Page
from translators.errors import InvalidRequest

MAX_LIMIT = 100


def read_page(query: Mapping[str, str]) -> Page:
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise InvalidRequest("'order' must be asc or desc.", param="order", code="invalid_value")
    limit = read_integer(query, "limit", 20)
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidRequest(f"'limit' must be from 1 to {MAX_LIMIT}.", param="limit", code="invalid_value")
    return Page(limit, order == "desc", query.get("after"))


def read_integer(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidRequest(f"'{name}' must be a whole number.", param=name, code="invalid_type")
    return int(text)


def read_flag(query: Mapping[str, str], name: str) -> bool:
    text = query.get(name, "false").lower()
    if text not in ("true", "false", "1", "0"):
        raise InvalidRequest(f"'{name}' must be true or false.", param=name, code="invalid_type")
    return text in ("true", "1")
