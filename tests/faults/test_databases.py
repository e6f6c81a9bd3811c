"""Databases that fail in service: each failure has its answer, readiness tells it, and it ends with its cause."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from proxy.config import Secret, StoreSettings
from proxy.process import readiness
from proxy.store import postgres as postgres_store
from proxy.store import sqlite_file
from tests.faults.load import check_kept
from tests.faults.pooler import find_pooler, running_pooler
from tests.support.chat_backend import ChatBackend
from tests.support.live import LiveProxy, config_for
from tests.support.postgres import PostgresServer, running_postgres

BODY = {"model": "m", "input": "Hi"}


@pytest.fixture(autouse=True)
def _asked_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "KNOWN_SECONDS", 0.0)
    monkeypatch.setattr(sqlite_file, "BUSY_SECONDS", 0.5)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
async def proxy(backend: ChatBackend, data: Path) -> AsyncIterator[LiveProxy]:
    async with LiveProxy(config_for(backend.base_url, store=StoreSettings(data_dir=str(data)))) as proxy:
        yield proxy


async def ready(proxy: LiveProxy) -> tuple[int, str | None]:
    alive = await proxy.http.get(f"http://127.0.0.1:{proxy.port}/healthz")
    assert alive.status_code == 200
    answer = await proxy.http.get(f"http://127.0.0.1:{proxy.port}/readyz")
    return answer.status_code, answer.json().get("reason")


async def until_ready(proxy: LiveProxy) -> None:
    async with asyncio.timeout(60):
        while (await ready(proxy))[0] != 200:  # noqa: ASYNC110 - what it waits for is outside of this process
            await asyncio.sleep(0.05)


async def check_refused(proxy: LiveProxy, *secrets: str) -> None:
    """Whole and streamed, in the right form, naming nothing; what is not to be stored is answered."""
    whole = await proxy.http.post("/responses", json=BODY)
    assert (whole.status_code, whole.json()["error"]["code"]) == (503, "store_unavailable")
    streamed = await proxy.http.post("/responses", json={**BODY, "stream": True})
    assert b"response.failed" in streamed.content
    assert (await proxy.http.post("/responses", json={**BODY, "store": False})).status_code == 200
    for said in (whole.text, streamed.text):
        assert not any(secret in said for secret in (*secrets, "Traceback"))


async def check_works(proxy: LiveProxy) -> None:
    made = await proxy.http.post("/responses", json=BODY)
    assert made.status_code == 200, made.text
    await check_kept(proxy.url, [made.json()])
    assert await ready(proxy) == (200, None)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("needs to mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk(backend: ChatBackend, small_disk: Path) -> None:
    settings = StoreSettings(data_dir=str(small_disk / "data"))
    async with LiveProxy(config_for(backend.base_url, store=settings)) as proxy:
        await check_works(proxy)
        ballast = small_disk / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        for _ in range(300):  # what is there of the log is written over first
            if (await proxy.http.post("/responses", json=BODY)).status_code != 200:
                break
        await check_refused(proxy, str(small_disk))
        assert await ready(proxy) == (503, sqlite_file.FULL)
        os.unlink(ballast)
        await check_works(proxy)


async def test_a_database_that_another_process_locks(
    proxy: LiveProxy, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_works(proxy)
    other = sqlite3.connect(data / "dragoman.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with monkeypatch.context() as patch:
        patch.setattr(readiness, "PATIENCE_SECONDS", 0.05)
        assert await ready(proxy) == (503, readiness.SILENT)
    await check_refused(proxy, str(data))
    other.execute("ROLLBACK")
    other.close()
    await until_ready(proxy)
    await check_works(proxy)


async def test_a_database_that_is_deleted_and_put_back(proxy: LiveProxy, data: Path, tmp_path: Path) -> None:
    await check_works(proxy)
    kept = await proxy.http.post("/responses", json=BODY)
    shell = sqlite3.connect(data / "dragoman.db")
    shell.execute("VACUUM INTO ?", (str(tmp_path / "backup.db"),))
    shell.close()
    for name in os.listdir(data):
        os.unlink(data / name)
    await check_refused(proxy, str(data))
    assert await ready(proxy) == (503, sqlite_file.GONE)
    os.rename(tmp_path / "backup.db", data / "dragoman.db")
    await check_works(proxy)
    await check_kept(proxy.url, [kept.json()])


# --- PostgreSQL --------------------------------------------------------------------------------------


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """One that may be frozen and restarted."""
    with running_postgres() as server:
        if server is None:
            pytest.skip("no PostgreSQL: install the dev dependencies")
        yield server


async def test_a_frozen_postgres(backend: ChatBackend, own_postgres: PostgresServer) -> None:
    settings = StoreSettings(kind="postgres", dsn=Secret(await own_postgres.database()), timeout=0.5)
    async with LiveProxy(config_for(backend.base_url, store=settings)) as proxy:
        await check_works(proxy)
        own_postgres.send(signal.SIGSTOP)
        try:
            answers = await asyncio.gather(*(proxy.http.post("/responses", json=BODY) for _ in range(25)))
            assert {answer.status_code for answer in answers} == {503}
            await check_refused(proxy, "dragoman@", str(own_postgres.port))
            status, reason = await ready(proxy)
            assert (status, reason) in ((503, postgres_store.SILENT), (503, readiness.SILENT))
        finally:
            own_postgres.send(signal.SIGCONT)
        await until_ready(proxy)
        await check_works(proxy)


async def test_a_postgres_that_is_restarted(backend: ChatBackend, own_postgres: PostgresServer) -> None:
    settings = StoreSettings(kind="postgres", dsn=Secret(await own_postgres.database()), timeout=5.0)
    async with LiveProxy(config_for(backend.base_url, store=settings)) as proxy:
        await asyncio.gather(*(check_works(proxy) for _ in range(5)))
        own_postgres.stop()
        await check_refused(proxy, "dragoman@", str(own_postgres.port))
        assert await ready(proxy) == (503, postgres_store.UNREACHABLE)
        own_postgres.start()
        await check_works(proxy)


@pytest.mark.parametrize("told", ["setting", "address"])
async def test_behind_a_pooler_in_transaction_mode(backend: ChatBackend, postgres: PostgresServer, told: str) -> None:
    program = find_pooler()
    if program is None:
        pytest.skip("no PgBouncer: apt-get install pgbouncer")
    direct = await postgres.database()
    with running_pooler(program, postgres) as port:
        dsn = direct.replace(f":{postgres.port}/", f":{port}/")
        settings = StoreSettings(
            kind="postgres",
            dsn=Secret(dsn if told == "setting" else f"{dsn}?statement_cache_size=0"),
            statement_cache_size=0 if told == "setting" else 100,
        )
        async with LiveProxy(config_for(backend.base_url, store=settings)) as proxy:

            async def chain() -> None:
                previous: dict[str, str] = {}
                for _ in range(3):
                    answer = await proxy.http.post("/responses", json={**BODY, **previous})
                    assert answer.status_code == 200, answer.text
                    previous = {"previous_response_id": answer.json()["id"]}

            await asyncio.gather(*(chain() for _ in range(60)))
            await check_works(proxy)
