"""Places in turns: nobody has all of them, nobody waits behind all that another has brought."""

from __future__ import annotations

import asyncio

import pytest

from proxy.process.turns import Busy, Turns


def turns(places: int = 3, max_waiting: int = 100, wait_seconds: float = 60.0) -> Turns:
    return Turns(places, max_waiting=max_waiting, wait_seconds=wait_seconds)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_owner_never_has_all_places() -> None:
    made = turns(3)
    greedy = [asyncio.create_task(made.take("a")) for _ in range(40)]
    await settled()
    assert [task.done() for task in greedy].count(True) == 2
    async with asyncio.timeout(5):
        await made.take("b")  # at once
    for task in greedy:
        task.cancel()
    await asyncio.gather(*greedy, return_exceptions=True)
    assert made.waiting == 0


async def test_owners_have_their_turns_one_after_the_other() -> None:
    made = turns(1)
    await made.take("a")
    order: list[str] = []

    async def take(owner: str) -> None:
        await made.take(owner)
        order.append(owner)
        made.give_back(owner)

    work = [asyncio.create_task(take(owner)) for owner in "aaaabbc"]
    await settled()
    made.give_back("a")
    await asyncio.gather(*work)
    assert "".join(order) == "abcabaa"


async def test_too_many_are_refused_and_of_one_owner_half_as_many() -> None:
    made = turns(1, max_waiting=4)
    await made.take("a")
    waiting = [asyncio.create_task(made.take(owner)) for owner in "aabb"]
    await settled()
    for owner in "abc":
        with pytest.raises(Busy):
            await made.take(owner)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_nobody_waits_for_ever() -> None:
    made = turns(1, wait_seconds=0.0)
    await made.take("a")
    with pytest.raises(Busy):
        await made.take("b")
    made.give_back("a")
    await made.take("b")


async def test_a_place_that_comes_as_its_taker_leaves_is_not_lost() -> None:
    made = turns(1)
    await made.take("a")
    leaving = asyncio.create_task(made.take("b"))
    await settled()
    made.give_back("a")
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    async with asyncio.timeout(5):
        await made.take("c")


async def test_a_place_that_is_given_back_as_its_next_owner_leaves_goes_to_another() -> None:
    made = turns(1)
    await made.take("a")
    leaver, stayer = (asyncio.create_task(made.take(owner)) for owner in "bc")
    await settled()
    leaver.cancel()
    made.give_back("a")
    async with asyncio.timeout(5):
        await stayer
    with pytest.raises(asyncio.CancelledError):
        await leaver
    assert made.waiting == 0
    made.give_back("c")
    async with asyncio.timeout(5):
        await made.take("d")  # no place has been lost
