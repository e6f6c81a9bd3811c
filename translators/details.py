"""A backend's records of a thought, put together from their pieces and kept verbatim.

`join_details` is for `reasoning_details`, `join_fields` for fields of the message such as `thinking_blocks`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct


class _Detail(Struct):
    type: str = ""
    text: str | None = None
    summary: str | None = None


def detail_text(value: Any) -> str:
    """What a record says to people; an encrypted one says nothing."""
    try:
        detail = msgspec.convert(value, _Detail)
    except msgspec.ValidationError:
        return ""
    return detail.text or detail.summary or ""


def join_details(pieces: Iterable[Any]) -> list[Any]:
    """Pieces of one text become one record; encrypted records stay apart even under one index."""
    joined: list[Any] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last is not None and _continues(last, piece):
            joined[-1] = _together(last, piece)
        else:
            joined.append(piece)
    return joined


def join_fields(before: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Fields of a message, after more of them came with another chunk; the pieces of a thinking block become one."""
    joined = {**before, **more}
    blocks, pieces = before.get("thinking_blocks"), more.get("thinking_blocks")
    if type(blocks) is list and type(pieces) is list and blocks and pieces:
        last, first = blocks[-1], pieces[0]
        if _goes_on(last, first):
            joined["thinking_blocks"] = [*blocks[:-1], _thinking_together(last, first), *pieces[1:]]
        else:
            joined["thinking_blocks"] = [*blocks, *pieces]
    return joined


def _goes_on(last: Any, piece: Any) -> bool:
    if type(last) is not dict or type(piece) is not dict:
        return False
    return last.get("type") == piece.get("type") == "thinking" and not last.get("signature")


def _thinking_together(last: dict[str, Any], piece: dict[str, Any]) -> dict[str, Any]:
    whole = {**last, **{key: value for key, value in piece.items() if value is not None}}
    if type(last.get("thinking")) is str and type(piece.get("thinking")) is str:
        whole["thinking"] = last["thinking"] + piece["thinking"]
    return whole


def _continues(last: Any, piece: Any) -> bool:
    if type(last) is not dict or type(piece) is not dict:
        return False
    texts = ("reasoning.text", "reasoning.summary")
    same = all(last.get(key) == piece.get(key) for key in ("type", "index"))
    return same and piece.get("type") in texts and not last.get("signature")


def _together(last: dict[str, Any], piece: dict[str, Any]) -> dict[str, Any]:
    whole = {**last, **{key: value for key, value in piece.items() if value is not None}}
    for field in ("text", "summary"):
        if type(last.get(field)) is str and type(piece.get(field)) is str:
            whole[field] = last[field] + piece[field]
    return whole
