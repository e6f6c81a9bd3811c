"""Workers and their supervisor: replaced when they die, gone when it dies, and no loop around one that cannot start."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.process.conftest import HeldBackend
from tests.process.served import Json, Served
from tests.support.checks import check_frames

STARTED = re.compile(r"Started server process \[(\d+)\]")


def workers(count: int = 2) -> Json:
    return {"workers": count, "drain_delay": 0.0}


def pids_of(proxy: Served) -> list[int]:
    return [int(pid) for pid in STARTED.findall(proxy.log)]


def _helpers_of(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _words(task / "children")]


def _words(file: Path) -> list[str]:
    return file.read_text().split()


def _opened_by(pid: int) -> set[str]:
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed since
            found.add(os.readlink(descriptor))
    return found - {"/dev/null"}


async def test_a_worker_that_dies_is_replaced(backend: HeldBackend, tmp_path: Path) -> None:
    backend.go_on.set()
    async with Served(tmp_path, backend.base_url, server=workers()) as proxy:
        first, _ = pids_of(proxy)
        os.kill(first, signal.SIGKILL)
        await proxy.logged("a worker has ended and is replaced")
        await proxy.logged("Started server process", 3)
        for _ in range(8):
            assert (await proxy.ask()).status_code == 200
        proxy.signal()
        assert await proxy.ended() == 0


async def test_one_that_is_told_to_end_drains_and_is_replaced(backend: HeldBackend, tmp_path: Path) -> None:
    async with Served(tmp_path, backend.base_url, server=workers()) as proxy:
        streams = [asyncio.ensure_future(proxy.ask(stream=True)) for _ in range(8)]
        await backend.received(8)
        os.kill(pids_of(proxy)[0], signal.SIGTERM)
        await proxy.logged("nothing new is taken")
        assert (await proxy.get("/readyz")).status_code == 200
        backend.go_on.set()
        await proxy.logged("Started server process", 3)
        for stream in streams:
            assert check_frames((await stream).content)[-1]["type"] == "response.completed"
        proxy.signal()
        assert await proxy.ended() == 0


async def test_workers_do_not_outlive_their_supervisor(backend: HeldBackend, tmp_path: Path) -> None:
    """They free the port at once, and end when their turns have."""
    async with Served(tmp_path, backend.base_url, server=workers()) as proxy:
        streams = [asyncio.ensure_future(proxy.ask(stream=True)) for _ in range(4)]
        await backend.received(4)
        proxy.signal(signal.SIGKILL)
        await proxy.logged("nothing new is taken", 2)
        with socket.socket() as next_:
            next_.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            next_.bind(("127.0.0.1", proxy.port))
            next_.listen()
        backend.go_on.set()
        for stream in streams:
            assert check_frames((await stream).content)[-1]["type"] == "response.completed"
        assert await proxy.ended() == -signal.SIGKILL  # and the log has ended: nobody holds it any more
        assert proxy.log.count(" drained ") == 2


async def started_in_vain(proxy: Served) -> tuple[int, str]:
    """Its exit status, and the one line that says why."""
    await proxy.start()
    status = await proxy.ended()
    told = [line for line in proxy.log.splitlines() if line.startswith("dragoman: ")]
    assert len(told) == 1, proxy.log
    return status, told[0]


@pytest.mark.parametrize("count", [1, 2])
async def test_a_damaged_key_is_told_in_one_line(backend: HeldBackend, tmp_path: Path, count: int) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "sealing.key").write_bytes(b"short")
    status, told = await started_in_vain(Served(tmp_path, backend.base_url, server=workers(count)))
    assert (status, "sealing.key is damaged" in told) == (2, True), told


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("keys", [[], ["ab" * 32]], ids=["kept key", "given key"])
async def test_a_data_directory_that_cannot_be_is_told_in_one_line(
    backend: HeldBackend, tmp_path: Path, count: int, keys: list[str]
) -> None:
    (tmp_path / "file").touch()
    store = {"data_dir": str(tmp_path / "file" / "data"), "sealing_keys": keys}
    status, told = await started_in_vain(Served(tmp_path, backend.base_url, server=workers(count), store=store))
    assert (status, "file/data" in told) == (2, True), told


@pytest.mark.parametrize("count", [1, 2])
async def test_a_package_that_is_missing_is_told_in_one_line(backend: HeldBackend, tmp_path: Path, count: int) -> None:
    store = {"kind": "postgres", "dsn": "postgresql://127.0.0.1:9/none"}
    missing = "import sys; sys.modules['asyncpg'] = None"
    proxy = Served(tmp_path, backend.base_url, server=workers(count), store=store, at_birth=missing)
    assert await started_in_vain(proxy) == (
        2,
        "dragoman: asyncpg is not installed: install dragoman with its extra `postgres`",
    )


@pytest.mark.parametrize("count", [1, 2])
async def test_a_database_that_is_down_is_told_in_one_line(backend: HeldBackend, tmp_path: Path, count: int) -> None:
    """It may come back: no fault of the configuration."""
    store = {"kind": "postgres", "dsn": "postgresql://127.0.0.1:9/none"}
    status, told = await started_in_vain(Served(tmp_path, backend.base_url, server=workers(count), store=store))
    assert (status, "is it running" in told) == (1, True), told


async def test_a_replacement_that_cannot_start_leaves_the_others_at_work(backend: HeldBackend, tmp_path: Path) -> None:
    backend.go_on.set()
    async with Served(tmp_path, backend.base_url, server=workers()) as proxy:
        key = tmp_path / "data" / "sealing.key"
        whole = key.read_bytes()
        key.write_bytes(b"short")
        os.kill(pids_of(proxy)[0], signal.SIGKILL)
        await proxy.logged("a worker could not start and is tried again")
        assert (await proxy.ask()).status_code == 200
        key.write_bytes(whole)
        await proxy.logged("Started server process", 3)
        proxy.signal()
        assert await asyncio.wait_for(proxy.process.wait(), 60) == 0


async def test_the_last_connections_of_the_queue_are_served(backend: HeldBackend, tmp_path: Path) -> None:
    """What the kernel has accepted when the listener closes is not reset."""
    async with (
        Served(tmp_path, backend.base_url, server={"drain_delay": 0.0}) as proxy,
        contextlib.AsyncExitStack() as all_,
    ):
        proxy.signal(signal.SIGSTOP)
        answers = []
        for _ in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            all_.callback(writer.close)
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            answers.append(reader)
        proxy.signal()
        proxy.signal(signal.SIGCONT)
        for answer in answers:
            assert (await answer.read()).startswith(b"HTTP/1.1 200")
        assert await proxy.ended() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells who holds a socket")
@pytest.mark.parametrize("count", [1, 2])
async def test_nobody_but_workers_and_their_supervisor_holds_the_listener(
    backend: HeldBackend, tmp_path: Path, count: int
) -> None:
    """A helper that has a copy keeps the port when they have let it go, and whoever connects then waits for nobody."""
    backend.go_on.set()
    async with Served(tmp_path, backend.base_url, server=workers(count)) as proxy:
        grammar = {"type": "grammar", "syntax": "lark", "definition": 'start: "a"+'}
        answer = await proxy.ask(tools=[{"type": "custom", "name": "shout", "format": grammar}])
        assert answer.status_code == 200, answer.text
        serving = {proxy.process.pid, *pids_of(proxy)}
        assert any(_helpers_of(pid) for pid in pids_of(proxy))
        assert proxy.holders() == serving
        for worker in pids_of(proxy):
            for helper in _helpers_of(worker):
                assert _opened_by(helper) & (_opened_by(worker) | _opened_by(proxy.process.pid)) == set()
