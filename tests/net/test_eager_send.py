"""What `EagerSend` leaves over goes on as if the task that awaits it had come that far itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from proxy.net.eager_send import EagerSend


class Steps:
    """Waits for each of its futures in turn and notes how far it came."""

    def __init__(self, count: int) -> None:
        self.notes: list[object] = []
        self.gates: list[asyncio.Future[str]] = [asyncio.get_running_loop().create_future() for _ in range(count)]

    async def walk(self) -> None:
        try:
            for gate in self.gates:
                self.notes.append(await gate)
            self.notes.append(asyncio.current_task())
        except asyncio.CancelledError:
            self.notes.append("cancelled")
            raise
        finally:
            self.notes.append("left")


def begun(rest: Awaitable[None] | None) -> asyncio.Task[None]:
    """A task that awaits what was left."""
    assert rest is not None

    async def go_on() -> None:
        await rest

    return asyncio.ensure_future(go_on())


async def test_what_needs_no_waiting_is_done_at_once() -> None:
    steps = Steps(0)
    assert EagerSend()(steps.walk()) is None
    assert steps.notes[1:] == ["left"]


async def test_it_is_done_outside_of_a_task() -> None:
    loop, steps = asyncio.get_running_loop(), Steps(0)
    done: asyncio.Future[Awaitable[None] | None] = loop.create_future()
    loop.call_soon(lambda: done.set_result(EagerSend()(steps.walk())))
    assert await done is None
    assert steps.notes == [None, "left"]


async def test_what_is_raised_at_once_is_raised() -> None:
    async def fail() -> None:
        raise ValueError("at once")

    with pytest.raises(ValueError, match="at once"):
        EagerSend()(fail())


async def test_several_waits_one_after_another() -> None:
    steps = Steps(3)
    task = begun(EagerSend()(steps.walk()))
    for number, gate in enumerate(steps.gates):
        await asyncio.sleep(0)
        assert steps.notes == [f"gate {each}" for each in range(number)]
        gate.set_result(f"gate {number}")
    await task
    assert steps.notes == ["gate 0", "gate 1", "gate 2", task, "left"]


async def test_what_it_waits_for_may_have_come_before_anybody_awaits_the_rest() -> None:
    steps = Steps(2)
    rest = EagerSend()(steps.walk())
    for gate in steps.gates:
        gate.set_result("open")
    await begun(rest)
    assert steps.notes[:2] == ["open", "open"]


async def test_a_step_that_only_lets_others_run() -> None:
    async def walk() -> None:
        await asyncio.sleep(0)
        notes.append("on")

    notes: list[str] = []
    await begun(EagerSend()(walk()))
    assert notes == ["on"]


@pytest.mark.parametrize("opened", [0, 1])
async def test_cancelling_reaches_it_where_it_waits(opened: int) -> None:
    steps = Steps(2)
    task = begun(EagerSend()(steps.walk()))
    for gate in steps.gates[:opened]:
        gate.set_result("open")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps.notes == [*["open"] * opened, "cancelled", "left"]
    assert steps.gates[opened].cancelled()


async def test_a_failure_reaches_it_where_it_waits() -> None:
    steps = Steps(1)
    task = begun(EagerSend()(steps.walk()))
    steps.gates[0].set_exception(ConnectionError("gone"))
    with pytest.raises(ConnectionError, match="gone"):
        await task
    assert steps.notes == ["left"]


async def test_it_may_outlive_a_failure_and_wait_again() -> None:
    async def walk() -> None:
        try:
            await first
        except ConnectionError:
            notes.append(await second)

    loop, notes = asyncio.get_running_loop(), list[str]()
    first: asyncio.Future[str] = loop.create_future()
    second: asyncio.Future[str] = loop.create_future()
    task = begun(EagerSend()(walk()))
    first.set_exception(ConnectionError())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second.set_result("second")
    await task
    assert notes == ["second"]


async def test_it_may_return_after_it_cleaned_up() -> None:
    async def walk() -> None:
        try:
            await gate
        except asyncio.CancelledError:
            notes.append("cleaning")
            await asyncio.sleep(0)
            notes.append("cleaned")

    notes: list[str] = []
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    task = begun(EagerSend()(walk()))
    await asyncio.sleep(0)
    task.cancel()
    await task
    assert notes == ["cleaning", "cleaned"]


async def test_a_rest_that_nobody_awaits_is_left() -> None:
    """The task that was to await it was cancelled before it came to that."""
    steps = Steps(1)
    rest = EagerSend()(steps.walk())
    assert rest is not None
    del rest
    assert steps.notes == ["left"]


async def test_it_says_where_it_is() -> None:
    eager, held = EagerSend(), asyncio.Event()

    async def wait() -> None:
        await held.wait()

    async def fail() -> None:
        raise ValueError("no")

    assert repr(eager) == "EagerSend(idle)"
    rest = eager(wait())
    assert rest is not None
    assert repr(eager) == "EagerSend(waiting)"
    held.set()
    await rest
    assert repr(eager) == "EagerSend(idle)"
    with pytest.raises(ValueError, match="no"):
        eager(fail())
    assert repr(eager) == "EagerSend(over)"
