"""Items on their way into the store: each gets an id where it has none, and stays otherwise what it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from proxy.items import with_id

MESSAGE: dict[str, Any] = {"type": "message", "role": "user", "content": "ä\n"}


@pytest.mark.parametrize("form", [{"separators": (",", ":")}, {"ensure_ascii": False}, {"indent": 1}])
@pytest.mark.parametrize("given", [{}, {"id": None}, {"id": ""}, {"id": "not usable"}, {"id": "x" * 65}])
def test_an_item_without_a_usable_id_gets_one_in_front(given: dict[str, Any], form: dict[str, Any]) -> None:
    item = with_id(Raw(json.dumps({**MESSAGE, **given}, **form).encode()), lambda prefix: f"{prefix}_1")
    assert item.id == "msg_1"
    assert list(json.loads(item.json).items()) == [("id", "msg_1"), *MESSAGE.items()]


def test_an_item_with_an_id_stays_as_it_is() -> None:
    given = b'{ "id" : "msg_7","role":"user"}'
    item = with_id(Raw(given), lambda prefix: f"{prefix}_1")
    assert (item.id, item.json) == ("msg_7", given)
