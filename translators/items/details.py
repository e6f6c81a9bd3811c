"""A backend's records of a thought, put together from their pieces and kept verbatim.

Signed ones that get lost between turns are the fault of RooCodeInc/Roo-Code#9125. `join_details` is for
`reasoning_details`, `join_fields` for fields of the message such as `thinking_blocks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct


class _Detail(Struct):
    type: str = ""
    text: str | None = None
    summary: str | None = None


def detail_text(value: Any) -> str:
    """Returns what a record says to people; an encrypted one says nothing."""
    try:
        detail = msgspec.convert(value, _Detail)
    except msgspec.ValidationError:
        return ""
    return detail.text or detail.summary or ""


class _Records:
    """Records in the order in which their pieces came. Texts are put together once, in the end: a thought of a hundred
    thousand pieces would be copied as often."""

    def __init__(self, texts: tuple[str, ...], goes_on: Callable[[Any, Any], bool]) -> None:
        self._texts = texts
        self._goes_on = goes_on
        self._records: list[Any] = []
        self._pieces: dict[str, list[str]] = {}  # of the texts of the last record

    def add(self, piece: Any, *, may_go_on: bool = True) -> None:
        """Takes a piece, which goes on with the last record where it may, or begins another."""
        if not (may_go_on and self._records and self._goes_on(self._records[-1], piece)):
            self._close()
            self._records.append({**piece} if type(piece) is dict else piece)
            return
        last = self._records[-1]
        for key, value in piece.items():
            if value is None:
                continue
            if key in self._texts and type(value) is str and type(last.get(key)) is str:
                self._pieces.setdefault(key, [last[key]]).append(value)
            else:
                self._pieces.pop(key, None)
                last[key] = value

    def joined(self) -> list[Any]:
        self._close()
        return self._records

    def _close(self) -> None:
        for key, pieces in self._pieces.items():
            self._records[-1][key] = "".join(pieces)
        self._pieces = {}


def join_details(pieces: Iterable[Any]) -> list[Any]:
    """Joins pieces of one text to one record; encrypted records stay apart even under one index."""
    records = _Records(("text", "summary"), _continues)
    for piece in pieces:
        records.add(piece)
    return records.joined()


def join_fields(pieces: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Joins fields of a message that came with several chunks; the pieces of a thinking block become one."""
    joined: dict[str, Any] = {}
    blocks = _Records(("thinking",), _goes_on)
    for fields in pieces:
        joined |= fields
        came = fields.get("thinking_blocks")
        if type(came) is list:
            for place, block in enumerate(came):
                blocks.add(block, may_go_on=place == 0)
    if type(joined.get("thinking_blocks")) is list:
        joined["thinking_blocks"] = blocks.joined()
    return joined


def _goes_on(last: Any, piece: Any) -> bool:
    if type(last) is not dict or type(piece) is not dict:
        return False
    return last.get("type") == piece.get("type") == "thinking" and not last.get("signature")


def _continues(last: Any, piece: Any) -> bool:
    if type(last) is not dict or type(piece) is not dict:
        return False
    texts = ("reasoning.text", "reasoning.summary")
    same = all(last.get(key) == piece.get(key) for key in ("type", "index"))
    return same and piece.get("type") in texts and not last.get("signature")
