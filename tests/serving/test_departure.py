"""Clients that go away while they are answered: whoever answers them hears of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from proxy.inbound.body import CancelledOnDisconnect, ClientGone, Lookout


async def gone() -> Any:
    return {"type": "http.disconnect"}


async def never() -> Any:
    await asyncio.Event().wait()


async def answer_for_ever(lookout: Lookout | None) -> None:
    with CancelledOnDisconnect(gone, lookout):
        await never()


@pytest.mark.parametrize("shared", [True, False])
async def test_whoever_goes_away_is_answered_no_further(shared: bool) -> None:
    lookout = Lookout() if shared else None
    answers = [asyncio.ensure_future(answer_for_ever(lookout)) for _ in range(3)]
    results = await asyncio.gather(*answers, return_exceptions=True)
    assert [type(result) for result in results] == [ClientGone] * 3


async def test_later_ones_are_seen_to_as_well() -> None:
    lookout = Lookout()
    for _ in range(2):
        with pytest.raises(ClientGone):
            await answer_for_ever(lookout)


def test_each_event_loop_has_its_turn() -> None:
    lookout = Lookout()

    async def begin_and_leave() -> None:
        with CancelledOnDisconnect(never, lookout):
            await asyncio.sleep(0)

    asyncio.run(begin_and_leave())  # its timer ends with it
    with pytest.raises(ClientGone):
        asyncio.run(answer_for_ever(lookout))


async def test_a_short_answer_is_not_watched() -> None:
    asked = []

    async def receive() -> Any:
        asked.append(1)

    lookout = Lookout()
    with CancelledOnDisconnect(receive, lookout):
        await asyncio.sleep(0)
    with pytest.raises(ClientGone):
        await answer_for_ever(lookout)  # by then the first would have been
    assert asked == []


async def test_cancelled_otherwise_is_cancelled() -> None:
    begun = asyncio.Event()

    async def answer() -> None:
        with CancelledOnDisconnect(never, Lookout()):
            begun.set()
            await never()

    task = asyncio.ensure_future(answer())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
