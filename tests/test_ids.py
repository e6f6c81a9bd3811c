"""Identifiers: what those of items tell."""

from __future__ import annotations

import re
from itertools import count

from proxy.ids import ResponseIds, random_id, response_of


def test_items_tell_their_response() -> None:
    ids = ResponseIds(random_id)
    response = ids("resp")
    items = [ids(prefix) for prefix in ("msg", "rs", "fc", "ctc") for _ in range(300)]
    assert len(set(items)) == len(items)
    assert {response_of(item) for item in items} == {response}
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", item) for item in items)


def test_others_tell_nothing() -> None:
    assert [response_of(id_) for id_ in (random_id("msg"), random_id("resp"), "", "msg_1", "msg_" + "x" * 36)] == [
        None
    ] * 5


def test_the_id_of_a_call_stays_as_short_as_upstreams_want_it() -> None:
    ids = ResponseIds(random_id)
    ids("resp")
    assert len(ids("call")) <= 40


def test_more_items_than_numbers() -> None:
    ids = ResponseIds(random_id)
    ids("resp")
    made = [ids("msg") for _ in range(0x10000 + 10)]
    assert len(set(made)) == len(made)


def test_ids_of_another_make_are_taken_as_they_are() -> None:
    numbers = count(1)
    ids = ResponseIds(lambda prefix: f"{prefix}_{next(numbers)}")
    assert [ids("resp"), ids("msg"), ids("msg")] == ["resp_1", "msg_2", "msg_3"]
