"""`GET /readyz` tells the truth about the store, and `GET /healthz` that the process answers."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from pathlib import Path

import httpx2
import pytest

from proxy.config import StoreSettings
from proxy.process import readiness as module
from proxy.process.readiness import SILENT, Readiness
from proxy.store import Store, sqlite_file
from tests.support.chat_backend import ChatBackend
from tests.support.live import LiveProxy, config_for


@pytest.fixture(autouse=True)
def _asked_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KNOWN_SECONDS", 0.0)


class Probed:
    """The one part of a store that is asked for; `ends` lets it answer."""

    def __init__(self, *, ends: bool = True) -> None:
        self.asked = 0
        self.ends = asyncio.Event()
        if ends:
            self.ends.set()

    async def probe(self, now: float) -> None:
        self.asked += 1
        await self.ends.wait()


def readiness_of(probed: Probed) -> Readiness:
    store: Store = probed  # type: ignore[assignment]
    return Readiness(store)


async def test_many_ask_and_the_store_is_asked_once() -> None:
    probed = Probed(ends=False)
    readiness = readiness_of(probed)
    asking = [asyncio.ensure_future(readiness.reason()) for _ in range(50)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    probed.ends.set()
    assert await asyncio.gather(*asking) == [None] * 50
    assert probed.asked == 1
    await readiness.reason()
    assert probed.asked == 2


async def test_who_asks_while_the_answer_comes_gets_one_too() -> None:
    readiness = readiness_of(Probed())
    loop = asyncio.get_running_loop()
    first = asyncio.ensure_future(readiness.reason())
    await asyncio.sleep(0)
    assert readiness._asking is not None
    second: list[asyncio.Task[str | None]] = []
    readiness._asking.add_done_callback(lambda _: second.append(loop.create_task(readiness.reason())))
    assert await first is None
    assert await second[0] is None
    again = [asyncio.ensure_future(_ask_often(readiness)) for _ in range(5)]
    await asyncio.gather(*again)


async def _ask_often(readiness: Readiness) -> None:
    for _ in range(20):
        assert await readiness.reason() is None


async def test_a_frozen_store_is_told_and_asked_no_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.0)
    probed = Probed(ends=False)
    readiness = readiness_of(probed)
    for _ in range(3):
        assert await readiness.reason() == SILENT
    assert probed.asked == 1
    probed.ends.set()
    for _ in range(3):
        await asyncio.sleep(0)
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 10.0)
    assert await readiness.reason() is None
    probed.ends.clear()
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.0)
    assert await readiness.reason() == SILENT
    await readiness.aclose()


async def asked(proxy: LiveProxy) -> tuple[int, httpx2.Response]:
    health = await proxy.http.get(f"http://127.0.0.1:{proxy.port}/healthz")
    return health.status_code, await proxy.http.get(f"http://127.0.0.1:{proxy.port}/readyz")


def put_back(backup: Path, file: Path) -> None:
    for companion in ("", "-wal", "-shm"):
        Path(f"{file}{companion}").unlink(missing_ok=True)
    shutil.copy(backup, file)


async def test_a_file_that_is_gone_damaged_or_back(tmp_path: Path) -> None:
    settings = StoreSettings(data_dir=str(tmp_path / "data"))
    file, backup = tmp_path / "data" / "dragoman.db", tmp_path / "backup.db"
    async with ChatBackend() as backend, LiveProxy(config_for(backend.base_url, store=settings)) as proxy:
        alive, ready = await asked(proxy)
        assert (alive, ready.status_code, ready.json()) == (200, 200, {"status": "ok"})
        shell = sqlite3.connect(file)
        shell.execute("VACUUM INTO ?", (str(backup),))
        shell.close()

        os.rename(file, tmp_path / "elsewhere.db")
        alive, ready = await asked(proxy)
        assert (alive, ready.status_code) == (200, 503)
        assert ready.json() == {"status": "unavailable", "reason": sqlite_file.GONE}

        put_back(backup, file)
        with file.open("r+b") as damaged:
            damaged.write(b"nothing" * 1000)
        alive, ready = await asked(proxy)
        assert (alive, ready.status_code) == (200, 503)
        assert ready.json()["reason"] == sqlite_file.DAMAGED

        put_back(backup, file)
        alive, ready = await asked(proxy)
        assert (alive, ready.status_code) == (200, 200), ready.text
