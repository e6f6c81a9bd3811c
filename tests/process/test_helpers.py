"""Helper processes: what goes over its limits ends with them, and nothing else does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from proxy.process import helpers as module
from proxy.process.helpers import HelperFault, Helpers, Job, _Helper

MODULE = "tests.process.jobs_for_tests"


@pytest.fixture
async def helpers() -> AsyncIterator[Helpers]:
    made = Helpers([MODULE], processes=2, memory=256 << 20)
    try:
        yield made
    finally:
        await made.aclose()


def job(do: str, body: bytes = b"", seconds: float = 30.0) -> Job:
    return Job(MODULE, {"do": do}, body, seconds)


async def ask(helpers: Helpers, do: str, body: bytes = b"", seconds: float = 30.0, owner: str = "a") -> Any:
    return json.loads(await helpers.run(owner, job(do, body, seconds)))


async def test_one_process_serves_again_and_again(helpers: Helpers) -> None:
    body = "ä".encode() * 1_000_000
    first = await ask(helpers, "tell", body)
    assert first["body"].encode() == body
    assert (await ask(helpers, "print"))["pid"] == (await ask(helpers, "tell"))["pid"] == first["pid"]


async def test_it_knows_no_secrets(helpers: Helpers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "secret")
    assert "SOME_API_KEY" not in (await ask(helpers, "tell"))["environment"]


@pytest.mark.parametrize(("do", "reason"), [("spin", "time"), ("grow", "memory"), ("die", "died")])
async def test_what_goes_over_its_limits_is_that_jobs_fault_alone(helpers: Helpers, do: str, reason: str) -> None:
    before = await ask(helpers, "tell")
    with pytest.raises(HelperFault) as caught:
        await ask(helpers, do, seconds=0.2 if do == "spin" else 30.0)
    assert caught.value.reason == reason
    after = await ask(helpers, "tell")
    assert after["pid"] != before["pid"]
    assert not _lives(before["pid"])


async def test_time_is_kept_by_the_process_itself_as_well(helpers: Helpers, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that one whose parent was killed does not go on for ever."""
    monkeypatch.setattr(asyncio, "timeout", lambda seconds: _Never())
    with pytest.raises(HelperFault, match="time"):
        await ask(helpers, "spin", seconds=0.1)


async def test_whoever_leaves_ends_its_job(helpers: Helpers) -> None:
    pid = (await ask(helpers, "tell"))["pid"]
    work = asyncio.create_task(ask(helpers, "spin"))
    await until(lambda: not helpers._idle)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert not _lives(pid)
    assert await ask(helpers, "tell")


async def test_whoever_leaves_one_that_has_closed_its_output_ends_it(
    helpers: Helpers, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, last_word = asyncio.Event(), _Helper.last_word

    async def told(helper: _Helper) -> int:
        heard.set()
        return await last_word(helper)

    monkeypatch.setattr(_Helper, "last_word", told)
    pid = (await ask(helpers, "tell"))["pid"]
    work = asyncio.create_task(ask(helpers, "fall silent"))
    await heard.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert not _lives(pid)


async def test_one_that_died_unused_is_replaced(helpers: Helpers) -> None:
    pid = (await ask(helpers, "tell"))["pid"]
    os.kill(pid, signal.SIGKILL)
    await helpers._idle[0]._process.wait()
    assert (await ask(helpers, "tell"))["pid"] != pid


async def test_where_none_can_be_started_others_may_be_tried(helpers: Helpers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAIN", "/nonexistent")
    await helpers.warm()
    with pytest.raises(HelperFault, match="busy"):
        await ask(helpers, "tell")


async def test_idle_ones_are_let_go_but_for_those_that_are_kept() -> None:
    helpers = Helpers([MODULE], processes=3, memory=256 << 20, kept=1)
    try:
        await asyncio.gather(*(ask(helpers, "tell", owner=owner) for owner in "abc"))
        idle = list(helpers._idle)
        for helper in idle:
            helper.idle_since = -module._IDLE_SECONDS
        loop = asyncio.get_running_loop()
        helpers._reap(loop)
        assert helpers._idle == idle[len(idle) - 1 :]
        await asyncio.gather(*(helper._process.wait() for helper in idle[:-1]))
    finally:
        await helpers.aclose()
    assert not any(helper.lives for helper in idle)


class _Never(contextlib.AbstractAsyncContextManager[None]):
    """No limit."""

    async def __aexit__(self, *_: object) -> None:
        pass


async def until(met: Callable[[], bool]) -> None:
    for _ in range(1000):
        if met():
            return
        await asyncio.sleep(0)
    raise AssertionError


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
