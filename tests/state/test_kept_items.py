"""Items on their way into the store: each gets an id where it has none, and stays otherwise what it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from translators.history.raw_items import item_id, with_id

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


def test_an_item_of_an_unknown_type_may_have_anything_under_known_names() -> None:
    """Found by fuzzing: such an item is reported when the request is read, and must not fail when that is stored."""
    for raw in (b'{"type":"later","role":7}', b'{"type":"later","id":{"a":1}}', b'{"type":["x"]}'):
        kept = with_id(Raw(raw), lambda prefix: f"{prefix}_new")
        assert kept.id in ("item_new", "msg_new")
        assert json.loads(kept.json)["id"] == kept.id
        assert item_id(Raw(raw)) == ""
