"""Processes killed at random moments: nothing that was acknowledged is lost (D1), and the database stays whole."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.faults.load import Load, check_kept
from tests.support.chat_backend import ChatBackend
from tests.support.postgres import PostgresServer
from tests.support.proxy_process import ProxyProcess

ROUNDS = 3
TURNS = 25  # acknowledged between two kills, at least


def check_whole(folder: Path) -> None:
    connection = sqlite3.connect(folder / "dragoman.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def look(folder: Path) -> None:
    """What an operator's shell does: opens the database, reads, closes it."""
    connection = sqlite3.connect(folder / "dragoman.db")
    connection.execute("SELECT COUNT(*) FROM responses").fetchall()
    connection.close()


@pytest.mark.parametrize("processes", [1, 2])
async def test_sqlite_with_processes_that_are_killed(backend: ChatBackend, tmp_path: Path, processes: int) -> None:
    chance = random.Random(processes)
    data = tmp_path / "data"

    def process(number: int) -> ProxyProcess:
        return ProxyProcess(tmp_path / str(number), backend.base_url, {"data_dir": str(data)})

    load = Load(6)
    servers = [await process(number).__aenter__() for number in range(processes)]
    async with load.on(servers):
        for _ in range(ROUNDS):
            await load.reach(len(load.seen) + TURNS + chance.randrange(10))
            look(data)
            await load.reach(len(load.seen) + chance.randrange(10))
            killed = chance.randrange(processes)
            await servers[killed].kill()
            await load.reach(len(load.seen) + (TURNS // 4 if processes > 1 else 0))
            servers[killed] = await process(killed).__aenter__()
        await load.reach(len(load.seen) + TURNS)
        for server in servers:
            await server.kill()
    check_whole(data)
    async with process(0) as fresh:
        await check_kept(fresh.url, load.seen)
    assert load.refused == []


async def test_sqlite_with_workers_that_are_replaced(backend: ChatBackend, tmp_path: Path) -> None:
    chance = random.Random(3)
    settings = {"data_dir": str(tmp_path / "data")}
    load = Load(6)
    async with ProxyProcess(tmp_path, backend.base_url, settings, server={"workers": 2}) as server:
        async with load.on([server]):
            for _ in range(ROUNDS):
                await load.reach(len(load.seen) + TURNS + chance.randrange(10))
                os.kill(chance.choice(workers_of(server.pid)), signal.SIGKILL)
                look(tmp_path / "data")
            await load.reach(len(load.seen) + TURNS)
        await server.kill()
    check_whole(tmp_path / "data")
    async with ProxyProcess(tmp_path, backend.base_url, settings) as fresh:
        await check_kept(fresh.url, load.seen)
    assert load.refused == []


def workers_of(pid: int) -> list[int]:
    """The children that serve, which are not those of Python's own housekeeping."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if "resource_tracker" not in Path(f"/proc/{child}/cmdline").read_text()]


async def test_postgres_with_replicas_that_are_killed(
    backend: ChatBackend, postgres: PostgresServer, tmp_path: Path
) -> None:
    chance = random.Random(4)
    settings: dict[str, Any] = {"kind": "postgres", "dsn": await postgres.database()}

    def process(number: int) -> ProxyProcess:
        return ProxyProcess(tmp_path / str(number), backend.base_url, settings)

    load = Load(6)
    servers = [await process(number).__aenter__() for number in range(2)]
    async with load.on(servers):
        for _ in range(ROUNDS):
            await load.reach(len(load.seen) + TURNS + chance.randrange(10))
            killed = chance.randrange(2)
            await servers[killed].kill()
            await load.reach(len(load.seen) + TURNS // 4)
            servers[killed] = await process(killed).__aenter__()
        await load.reach(len(load.seen) + TURNS)
    for server in servers:
        await server.kill()
    async with process(0) as fresh:
        await check_kept(fresh.url, load.seen)
    assert load.refused == []
