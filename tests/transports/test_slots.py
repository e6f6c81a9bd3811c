"""Slots are given back to whoever waits, in turn, and none is lost where one stops waiting."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from proxy.transports.slots import Slots


async def turn_of_the_loop() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_who_waits_longest_is_next() -> None:
    slots, order = Slots(1), list[int]()
    slots.free -= 1

    async def take(number: int) -> None:
        await slots.wait()
        order.append(number)
        slots.give_back()

    waiting = [asyncio.create_task(take(number)) for number in range(3)]
    await turn_of_the_loop()
    assert order == []
    slots.give_back()
    await asyncio.gather(*waiting)
    assert (order, slots.free) == ([0, 1, 2], 1)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.booleans())))
def test_no_slot_is_lost_or_made(steps: list[tuple[bool, int, bool]]) -> None:
    """Whoever is cancelled may have got a slot in the same moment, or may be waiting still."""

    async def run() -> None:
        slots = Slots(0)
        tasks: list[asyncio.Task[None]] = []
        given_back = 0
        for gives, at, goes_on in steps:
            tasks.append(asyncio.create_task(slots.wait()))
            if goes_on:
                await asyncio.sleep(0)
            if gives:
                slots.give_back()
                given_back += 1
            if at < len(tasks):
                tasks[at].cancel()
        await asyncio.sleep(0)  # what was handed over has been taken
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        taken = sum(not task.cancelled() for task in tasks)
        assert slots.free + taken == given_back

    asyncio.run(run())
