"""One suite for every backend: what `Store` promises."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from proxy.ids import ResponseIds, random_id
from proxy.store import Conversation, Limits, Page, Store
from proxy.store.sql import Row, Statement
from tests.support.records import record
from translators.history.raw_items import NewItem


async def test_what_was_put_is_there_byte_for_byte(store: Store) -> None:
    full = record("a", parent="p", conversation="c", background=True, compacted=True, holder="h", lease_until=5.5)
    for each in (full, record("b")):
        await store.put(each)
        assert await store.get("o", each.id) == each


async def test_another_owner_sees_nothing(store: Store) -> None:
    await store.put(record("a"), ["in_a", "out_a"])
    await store.put(record("b", parent="a", owner="p"))
    assert await store.get("x", "a") is None
    assert not await store.delete("x", "a")
    assert await store.chain("x", "a") == []
    assert [turn.id for turn in await store.chain("p", "b")] == ["b"]
    assert await store.find_items("x", ["out_a"]) == {}
    assert await store.events("x", "a", -1) == []
    assert await store.get("o", "a") is not None


async def test_items_whose_ids_tell_their_response_need_no_names(store: Store) -> None:
    ids = ResponseIds(random_id)
    response, said, call = ids("resp"), ids("msg"), ids("fc")
    output = msgspec.json.encode([{"id": said}, {"id": call}])
    active = record(response, output=output, status="in_progress", holder="h", lease_until=10.0)
    await store.put(active)
    assert await store.find_items("o", [said]) == {}
    assert await store.update(record(response, output=output), "h")
    assert list(await store.find_items("o", [call, said, "none"])) == [said, call]
    assert await store.find_items("x", [said]) == {}
    assert await store.find_items("o", [ids("msg")]) == {}, "the response has no such item"
    assert await store.delete("o", response)
    assert await store.find_items("o", [said]) == {}


async def test_delete_takes_items_and_events_along(store: Store) -> None:
    await store.put(record("a"), ["out_a"], events=b"0\n\n")
    assert await store.delete("o", "a")
    assert not await store.delete("o", "a")
    assert await store.get("o", "a") is None
    assert await store.find_items("o", ["out_a"]) == {}
    assert await store.events("o", "a", -1) == []


async def test_a_chain_is_walked_oldest_first(store: Store) -> None:
    parent = None
    for number in range(50):
        await store.put(record(f"r{number}", parent=parent, root="r0"))
        parent = f"r{number}"
    await store.put(record("branch", parent="r10", root="r0"))
    chain = await store.chain("o", "r49")
    assert [turn.id for turn in chain] == [f"r{number}" for number in range(50)]
    assert (chain[3].input, chain[3].output, chain[3].root) == (record("r3").input, record("r3").output, "r0")
    assert [turn.id for turn in await store.chain("o", "branch")][-2:] == ["r10", "branch"]
    assert await store.chain("o", "nobody") == []


async def test_a_chain_ends_at_a_compaction_and_shows_where_it_was_cut(store: Store) -> None:
    await store.put(record("a"))
    await store.put(record("b", parent="a", compacted=True))
    await store.put(record("c", parent="b"))
    assert [turn.id for turn in await store.chain("o", "c")] == ["b", "c"]
    await store.delete("o", "b")
    assert [(turn.id, turn.parent) for turn in await store.chain("o", "c")] == [("c", "b")]


async def test_items_are_found_by_id(store: Store) -> None:
    await store.put(record("a"), ["in_a", "out_a"])
    await store.create_conversation(
        Conversation(id="c", owner="o", created_at=1, metadata={}), [NewItem("i", b'{"id":"i","n":1}')]
    )
    found = await store.find_items("o", ["out_a", "i", "none"])
    assert {id_: bytes(raw) for id_, raw in found.items()} == {
        "out_a": b'{"id":"out_a","type":"message"}',
        "i": b'{"id":"i","n":1}',
    }


async def test_events_come_back_from_any_number(store: Store) -> None:
    await store.put(record("a", status="in_progress", holder="h", lease_until=10.0))
    for first, frames in ((0, b"0\n\n1\n\n"), (2, b"2\n\n"), (3, b"3\n\n4\n\n")):
        assert await store.append_events("a", "h", first, frames, 20.0)
    assert await store.events("o", "a", -1) == [(0, b"0\n\n1\n\n"), (2, b"2\n\n"), (3, b"3\n\n4\n\n")]
    assert await store.events("o", "a", 0) == [(0, b"0\n\n1\n\n"), (2, b"2\n\n"), (3, b"3\n\n4\n\n")]
    assert await store.events("o", "a", 1) == [(2, b"2\n\n"), (3, b"3\n\n4\n\n")]
    assert await store.events("o", "a", 3) == [(3, b"3\n\n4\n\n")]
    kept = await store.get("o", "a")
    assert kept is not None
    assert kept.lease_until == 20.0


async def test_only_the_holder_of_an_active_response_changes_it(store: Store) -> None:
    active = record("a", status="queued", holder="h", lease_until=10.0, output=b"[]")
    await store.put(active)
    assert not await store.append_events("a", "other", 0, b"x\n\n", 20.0)
    assert not await store.update(record("a"), "other", named=["out_a"], frames=b"x\n\n")
    done = msgspec.structs.replace(active, status="completed", lease_until=None, output=b'[{"id":"out_a"}]')
    assert await store.update(done, "h", named=["out_a"], first=0, frames=b"0\n\n")
    assert not await store.update(done, "h")
    assert not await store.append_events("a", "h", 1, b"1\n\n", 20.0)
    assert await store.get("o", "a") == done
    assert list(await store.find_items("o", ["out_a"])) == ["out_a"]
    assert await store.events("o", "a", -1) == [(0, b"0\n\n")]


async def test_a_lease_that_ended_is_found_and_settled_once(store: Store) -> None:
    await store.put(record("a", status="in_progress", holder="h", lease_until=10.0))
    await store.put(record("b", status="in_progress", holder="h", lease_until=30.0))
    await store.put(record("c"))
    assert [found.id for found in await store.expired(20.0)] == ["a"]
    failed = record("a", status="failed", head=b'{"status":"failed"}')
    assert not await store.end(failed, expired_at=5.0, frames=b"0\n\n")
    assert await store.end(failed, expired_at=20.0, first=7, frames=b"7\n\n")
    assert not await store.end(failed, expired_at=20.0)
    assert not await store.append_events("a", "h", 8, b"8\n\n", 50.0)
    kept = await store.get("o", "a")
    assert kept is not None
    assert (kept.status, kept.head, kept.lease_until) == ("failed", b'{"status":"failed"}', None)
    assert await store.events("o", "a", -1) == [(7, b"7\n\n")]
    assert await store.expired(20.0) == []


async def test_an_active_response_is_cancelled_from_outside(store: Store) -> None:
    await store.put(record("a", status="in_progress", holder="h", lease_until=10.0))
    cancelled = record("a", status="cancelled")
    assert await store.end(cancelled)
    assert not await store.end(cancelled)
    assert not await store.append_events("a", "h", 0, b"", 50.0)


def items(*ids: str) -> list[NewItem]:
    return [NewItem(id_, b'{"id":"%s"}' % id_.encode()) for id_ in ids]


def ids(listed: Any) -> list[str]:
    return [msgspec.json.decode(raw)["id"] for raw in listed]


async def test_conversations(store: Store) -> None:
    conversation = Conversation(id="c", owner="o", created_at=7, metadata={"a": "b"})
    await store.create_conversation(conversation, items("i0", "i1"))
    assert await store.conversation("o", "c") == conversation
    assert await store.conversation("x", "c") is None
    assert not await store.set_metadata("x", "c", {})
    assert await store.set_metadata("o", "c", {"k": "v"})
    assert await store.conversation("o", "c") == msgspec.structs.replace(conversation, metadata={"k": "v"})
    assert not await store.delete_conversation("x", "c")
    assert await store.delete_conversation("o", "c")
    assert await store.conversation("o", "c") is None
    assert ids((await store.conversation_items("c")).items) == []
    assert await store.find_items("o", ["i0"]) == {}


async def test_conversation_items_in_pages(store: Store) -> None:
    await store.create_conversation(Conversation(id="c", owner="o", created_at=7, metadata={}), items("i0"))
    await store.append_items("c", items("i1", "i2", "i3", "i4"), 8)
    everything = await store.conversation_items("c")
    assert (ids(everything.items), everything.more) == (["i0", "i1", "i2", "i3", "i4"], False)
    for page, expected, more in (
        (Page(2), ["i4", "i3"], True),
        (Page(5), ["i4", "i3", "i2", "i1", "i0"], False),
        (Page(2, after="i3"), ["i2", "i1"], True),
        (Page(2, descending=False, after="i2"), ["i3", "i4"], False),
        (Page(2, descending=False), ["i0", "i1"], True),
        (Page(2, after="nobody"), [], False),
    ):
        listing = await store.conversation_items("c", page)
        assert (ids(listing.items), listing.more) == (expected, more), page
    assert await store.conversation_item("c", "i1") == Raw(b'{"id":"i1"}')
    assert await store.delete_item("c", "i1")
    assert not await store.delete_item("c", "i1")
    assert await store.conversation_item("c", "i1") is None


async def test_a_response_joins_its_conversation_in_one_step(store: Store) -> None:
    await store.create_conversation(Conversation(id="c", owner="o", created_at=7, metadata={}), items("i0"))
    await asyncio.gather(
        *(
            store.put(record(f"r{number}", conversation="c"), appended=items(f"q{number}", f"a{number}"))
            for number in range(20)
        )
    )
    listed = ids((await store.conversation_items("c")).items)
    assert listed[0] == "i0"
    assert len(listed) == 41
    assert all(answer == f"a{question[1:]}" for question, answer in zip(listed[1::2], listed[2::2], strict=True))
    # One that was deleted meanwhile gains nothing, and the response is kept all the same.
    await store.delete_conversation("o", "c")
    await store.put(record("late", conversation="c"), appended=items("x"))
    assert await store.get("o", "late") is not None


async def test_retention_by_age_counts_from_the_last_use_of_a_thread(store: Store) -> None:
    await store.put(record("old", created_at=100))
    await store.put(record("root", created_at=100))
    await store.put(record("leaf", created_at=900, parent="root"))
    await store.create_conversation(Conversation(id="c1", owner="o", created_at=100, metadata={}), [])
    await store.create_conversation(Conversation(id="c2", owner="o", created_at=100, metadata={}), items("i"))
    await store.append_items("c2", items("j"), 900)
    assert await store.sweep(Limits(), 1000.0) == 0
    assert await store.sweep(Limits(max_age=500, max_conversation_age=500), 1000.0) == 1
    left = [id_ for id_ in ("old", "root", "leaf") if await store.get("o", id_)]
    assert left == ["root", "leaf"]
    assert await store.conversation("o", "c1") is None
    assert await store.conversation("o", "c2") is not None


async def test_retention_by_count_and_bytes_takes_the_longest_unused(store: Store) -> None:
    for number in range(10):
        await store.put(record(f"r{number}", created_at=100 + number))
    assert await store.sweep(Limits(max_responses=6), 1000.0) == 4
    assert await store.get("o", "r3") is None
    size = record("r9").size
    assert await store.sweep(Limits(max_bytes=2 * size), 1000.0) == 4
    assert [number for number in range(10) if await store.get("o", f"r{number}")] == [8, 9]


async def test_what_runs_is_not_swept(store: Store) -> None:
    await store.put(record("a", status="in_progress", holder="h", lease_until=10.0, created_at=1))
    assert await store.sweep(Limits(max_age=1), 1000.0) == 0
    assert await store.get("o", "a") is not None


@pytest.mark.parametrize("odd", ["a\0b", "\ud800"])
async def test_what_cannot_be_an_id_is_not_there(store: Store, odd: str) -> None:
    await store.put(record("a"), ["in_a"])
    assert await store.get("o", odd) is None
    assert not await store.delete("o", odd)
    assert await store.chain("o", odd) == []
    assert await store.conversation("o", odd) is None
    assert list(await store.find_items("o", [odd, "in_a"])) == ["in_a"]
    await store.create_conversation(Conversation(id="c", owner="o", created_at=1, metadata={}), [])
    assert await store.conversation_item("c", odd) is None
    assert (await store.conversation_items("c", Page(after=odd))).items == []
    assert not await store.delete_item("c", odd)


async def test_the_text_of_a_statement_does_not_grow_with_a_count(store: Store) -> None:
    """Each text is prepared and kept: one for every count would be a leak that clients can cause."""
    database = store._database  # type: ignore[attr-defined]
    texts: set[str] = set()
    read = database.read

    async def noted(statement: Statement) -> list[Row]:
        texts.add(statement.sql)
        return await read(statement)  # type: ignore[no-any-return]

    database.read = noted
    ids = ResponseIds(random_id)
    ids("resp")
    for count in (1, 2, 3, 5, 250):
        await store.find_items("o", [ids("msg"), *(f"item_{number}" for number in range(count))])
    assert len(texts) == 3


async def test_many_items_are_found_in_batches(store: Store) -> None:
    items = [NewItem(f"i{number}", b'{"id":"i%d"}' % number) for number in range(500)]
    await store.create_conversation(Conversation(id="c", owner="o", created_at=1, metadata={}), items)
    assert len(await store.find_items("o", [item.id for item in items] * 2)) == 500


async def test_a_probe_writes_and_leaves_one_row(store: Store) -> None:
    await store.probe(1.0)
    await store.probe(2.5)
    rows = await store._database.read(Statement("SELECT at FROM probes"))  # type: ignore[attr-defined]
    assert rows == [(2,)]


async def test_a_lease_is_one_holders_until_it_ends(store: Store) -> None:
    await store.create_conversation(Conversation(id="c", owner="o", created_at=1, metadata={}), [])
    assert not await store.hold_conversation("x", "c", "h", 10.0, 20.0), "another owner's"
    assert not await store.hold_conversation("o", "d", "h", 10.0, 20.0), "none"
    assert await store.hold_conversation("o", "c", "h", 10.0, 20.0)
    assert not await store.hold_conversation("o", "c", "i", 19.0, 30.0)
    assert await store.renew_conversation("c", "h", 25.0)
    assert not await store.renew_conversation("c", "i", 99.0)
    assert not await store.free_conversation("c", "i")
    assert not await store.hold_conversation("o", "c", "i", 24.0, 30.0)
    assert await store.hold_conversation("o", "c", "i", 26.0, 30.0), "its process has ended"
    assert not await store.free_conversation("c", "h")
    assert await store.free_conversation("c", "i")
    assert await store.hold_conversation("o", "c", "j", 27.0, 30.0)
