"""Workers and their supervisor: replaced when they die, gone when it dies, and no loop around one that cannot start."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
from pathlib import Path

import pytest

from tests.checks import check_frames
from tests.process.conftest import HeldBackend
from tests.process.served import Json, Served

STARTED = re.compile(r"Started server process \[(\d+)\]")


def workers(count: int = 2) -> Json:
    return {"workers": count, "drain_delay": 0.0}


def pids_of(proxy: Served) -> list[int]:
    return [int(pid) for pid in STARTED.findall(proxy.log)]


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


@pytest.mark.parametrize("count", [1, 2])
async def test_a_start_that_fails_is_one_line(backend: HeldBackend, tmp_path: Path, count: int) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "sealing.key").write_bytes(b"short")
    proxy = Served(tmp_path, backend.base_url, server=workers(count))
    await proxy.start()
    assert await proxy.ended() != 0
    told = [line for line in proxy.log.splitlines() if line.startswith("dragoman: ")]
    assert len(told) == 1, proxy.log
    assert "sealing.key is damaged" in told[0]


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
