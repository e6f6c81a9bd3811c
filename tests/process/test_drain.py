"""The end of a process that serves: real processes, real clients, every kind of turn, one worker and two."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed

from tests.process.conftest import HeldBackend
from tests.process.served import Json, Served, begin_turn, events_of
from tests.support.chat_backend import sse_answer
from tests.support.checks import check_events, check_frames
from tests.support.live import USAGE, chunk

WORKERS = pytest.mark.parametrize("workers", [1, 2])
NOT_READY, CLOSED, DRAINED = "draining: not ready", "draining: nothing new is taken", " drained "


def server(workers: int = 1, *, delay: float = 0.0, timeout: float = 60.0) -> Json:
    return {"workers": workers, "drain_delay": delay, "drain_timeout": timeout}


async def lines_of(stream: httpx2.Response) -> list[Json]:
    return check_frames(await stream.aread())


@WORKERS
async def test_in_the_delay_readiness_says_no_and_everything_is_served(
    backend: HeldBackend, tmp_path: Path, workers: int
) -> None:
    backend.go_on.set()
    async with Served(tmp_path, backend.base_url, server=server(workers, delay=600.0)) as proxy:
        assert (await proxy.get("/readyz")).status_code == 200
        async with proxy.socket() as before:
            proxy.signal()
            await proxy.logged(NOT_READY, workers)
            for _ in range(2 * workers):
                ready = await proxy.get("/readyz")
                assert (ready.status_code, ready.json()) == (503, {"status": "draining"})
                assert (await proxy.get("/healthz")).status_code == 200
                plain = await proxy.ask()
                assert (plain.status_code, plain.json()["status"]) == (200, "completed")
                streamed = await proxy.ask(stream=True)
                assert check_frames(streamed.content)[-1]["type"] == "response.completed"
                assert {answer.headers["connection"] for answer in (ready, plain, streamed)} == {"close"}
            async with proxy.socket() as socket:
                for connection in (before, socket):
                    await begin_turn(connection)
                    assert check_events(await events_of(connection))["status"] == "completed"
            proxy.signal()
            with pytest.raises(ConnectionClosed) as closed:
                await before.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
        assert await proxy.ended() == 0


@WORKERS
async def test_turns_under_way_go_on_to_their_end(backend: HeldBackend, tmp_path: Path, workers: int) -> None:
    async with Served(tmp_path, backend.base_url, server=server(workers)) as proxy, proxy.client() as idle:
        await idle.get("/healthz")
        plain = asyncio.ensure_future(proxy.ask())
        streamed = asyncio.ensure_future(proxy.ask(stream=True))
        compacted = asyncio.ensure_future(_compact(proxy))
        background = (await proxy.ask(background=True)).json()
        watched = asyncio.ensure_future(proxy.ask(background=True, stream=True))
        async with proxy.socket() as socket, proxy.socket() as unused:
            await begin_turn(socket)
            await begin_turn(socket, stream_id="second")
            await backend.received(6)
            proxy.signal()
            await proxy.logged(CLOSED, workers)
            with pytest.raises(httpx2.ConnectError):
                await proxy.get("/healthz")
            with pytest.raises(httpx2.TransportError):
                await idle.get("/healthz")
            with pytest.raises(ConnectionClosed) as closed:
                await unused.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
            backend.go_on.set()
            assert check_events(await events_of(socket))["status"] == "completed"
            (refused,) = await events_of(socket)
            assert (refused["status"], refused["error"]["code"]) == (503, "server_shutting_down")
            assert refused["stream_id"] == "second"
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
        assert (await plain).json()["status"] == "completed"
        assert (await compacted).json()["object"] == "response.compaction"
        for stream in (await streamed, await watched):
            assert check_frames(stream.content)[-1]["type"] == "response.completed"
        assert await proxy.ended() == 0
    async with Served(tmp_path, backend.base_url) as next_:
        kept = (await next_.get(f"/v1/responses/{background['id']}")).json()
        assert kept["status"] == "completed"


async def _compact(proxy: Served) -> httpx2.Response:
    async with proxy.client() as client:
        return await client.post("/v1/responses/compact", json={"model": "m", "input": "Hi"})


@WORKERS
async def test_what_is_left_fails_in_words_and_is_stored(backend: HeldBackend, tmp_path: Path, workers: int) -> None:
    async with Served(tmp_path, backend.base_url, server=server(workers, timeout=0.2)) as proxy:
        plain = asyncio.ensure_future(proxy.ask())
        streamed = asyncio.ensure_future(proxy.ask(stream=True))
        compacted = asyncio.ensure_future(_compact(proxy))
        background = (await proxy.ask(background=True)).json()
        watched = asyncio.ensure_future(proxy.ask(background=True, stream=True))
        async with proxy.socket() as socket:
            await begin_turn(socket)
            await backend.received(6)
            proxy.signal()
            over_socket = await events_of(socket)
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
        for answer in (await plain, await compacted):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert answer.json()["error"] == {
                "message": "The server is shutting down and could not finish this; send the request again.",
                "type": "server_error",
                "param": None,
                "code": "server_shutting_down",
            }
        told = [over_socket, check_frames((await streamed).content), check_frames((await watched).content)]
        for events in told:
            _failed(check_events(events))
        assert await proxy.ended() == 0
    async with Served(tmp_path, backend.base_url) as next_:
        ids = [background["id"], *(events[-1]["response"]["id"] for events in told)]
        for response_id in ids:
            _failed((await next_.get(f"/v1/responses/{response_id}")).json())
        replayed = await next_.get(f"/v1/responses/{background['id']}?stream=true")
        _failed(check_events(check_frames(replayed.content)))


def _failed(response: Json) -> None:
    assert (response["status"], response["error"]["code"]) == ("failed", "server_shutting_down")


async def test_who_watches_a_run_of_another_process_is_sent_to_it(backend: HeldBackend, tmp_path: Path) -> None:
    store = {"data_dir": str(tmp_path / "data")}
    async with (
        Served(tmp_path / "one", backend.base_url, store=store) as one,
        Served(tmp_path / "other", backend.base_url, store=store, server=server()) as other,
        one.client() as maker,
        other.client() as watcher,
    ):
        request = {"model": "m", "input": "Hi", "background": True, "stream": True}
        async with maker.stream("POST", "/v1/responses", json=request) as making:
            begun = await _read_until("output_text.delta", making.aiter_text())
        path = f"/v1/responses/{_id_in(begun)}?stream=true"
        async with watcher.stream("GET", path) as watching:
            pieces = watching.aiter_text()
            seen = await _read_until("output_text.delta", pieces)
            other.signal()
            seen += "".join([piece async for piece in pieces])
        frames, _, farewell = seen.partition(": this")
        assert "[DONE]" not in farewell
        assert frames == begun
        last = frames.count("event: ") - 1
        assert farewell.endswith(f"the stream goes on at another with starting_after={last}\n\n")
        assert await other.ended() == 0
        backend.go_on.set()
        rest = await one.get(f"{path}&starting_after={last}")
        assert check_events(check_frames(frames.encode() + rest.content))["status"] == "completed"


def _id_in(frames: str) -> str:
    found = re.search(r"resp_[0-9a-f]+", frames)
    assert found is not None
    return found[0]


async def _read_until(words: str, pieces: AsyncIterator[str]) -> str:
    seen = ""
    while words not in seen:
        seen += await anext(pieces)
    return seen


@pytest.mark.parametrize("numbers", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT)])
@WORKERS
async def test_who_asks_twice_is_in_a_hurry(
    backend: HeldBackend, tmp_path: Path, workers: int, numbers: tuple[signal.Signals, ...]
) -> None:
    async with Served(tmp_path, backend.base_url, server=server(workers, delay=600.0, timeout=600.0)) as proxy:
        streamed = asyncio.ensure_future(proxy.ask(stream=True))
        await backend.received()
        proxy.signal(numbers[0])
        await proxy.logged(NOT_READY, workers)
        proxy.signal(numbers[1])
        _failed(check_events(check_frames((await streamed).content)))
        assert await proxy.ended() == 0


@WORKERS
async def test_a_hangup_ends_nothing(backend: HeldBackend, tmp_path: Path, workers: int) -> None:
    backend.go_on.set()
    async with Served(tmp_path, backend.base_url, server=server(workers)) as proxy:
        os.killpg(proxy.process.pid, signal.SIGHUP)
        await proxy.logged("SIGHUP is ignored")
        assert (await proxy.ask()).status_code == 200
        assert (await proxy.get("/readyz")).status_code == 200
        proxy.signal()
        assert await proxy.ended() == 0


@pytest.fixture
def terminal() -> Iterator[int]:
    ours, theirs = pty.openpty()
    yield theirs
    os.close(ours)
    os.close(theirs)


@WORKERS
async def test_whoever_watches_from_a_terminal_need_not_wait(
    backend: HeldBackend, tmp_path: Path, workers: int, terminal: int
) -> None:
    settings = server(workers, delay=600.0)
    async with Served(tmp_path, backend.base_url, server=settings, terminal=terminal) as idle:
        idle.signal()
        assert await idle.ended() == 0
    async with Served(tmp_path, backend.base_url, server=settings, terminal=terminal) as busy:
        streamed = asyncio.ensure_future(busy.ask(stream=True))
        await backend.received()
        os.killpg(busy.process.pid, signal.SIGINT)  # as a terminal does it
        await busy.logged(CLOSED, workers)
        backend.go_on.set()
        assert check_frames((await streamed).content)[-1]["type"] == "response.completed"
        assert await busy.ended() == 0


@WORKERS
async def test_a_manager_that_signals_the_whole_group_is_not_in_a_hurry(
    backend: HeldBackend, tmp_path: Path, workers: int
) -> None:
    async with Served(tmp_path, backend.base_url, server=server(workers)) as proxy:
        streamed = asyncio.ensure_future(proxy.ask(stream=True))
        await backend.received()
        os.killpg(proxy.process.pid, signal.SIGTERM)
        await proxy.logged(CLOSED, workers)
        backend.go_on.set()
        assert check_frames((await streamed).content)[-1]["type"] == "response.completed"
        assert await proxy.ended() == 0


# So that nothing but what a test does ends what the server waits for, or so that it does not wait.
PATIENT, IMPATIENT = (f"from proxy.serving import server; server._TELLING_SECONDS = {n}" for n in (600.0, 0.1))
CUT = "draining: what does not end is cut off"


async def _sent(proxy: Served, body: bytes, length: int | None = None) -> socket.socket:
    """A connection on which a request was sent, and that takes as little as can be until it is read."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(connection, ("127.0.0.1", proxy.port))
    head = f"host: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {length or len(body)}"
    await loop.sock_sendall(connection, f"POST /v1/responses HTTP/1.1\r\n{head}\r\n\r\n".encode() + body)
    return connection


def _floods(backend: HeldBackend) -> None:
    """Its answers are larger than what the systems of both sides take for a client that does not read."""
    pieces = [chunk({"content": "x" * (1 << 18)}) for _ in range(128)]
    backend.always(lambda _: sse_answer([*pieces, chunk(finish="stop"), chunk(choices=[], usage=USAGE)]))


@WORKERS
async def test_who_does_not_read_is_cut_off(backend: HeldBackend, tmp_path: Path, workers: int) -> None:
    _floods(backend)
    async with Served(tmp_path, backend.base_url, server=server(workers, timeout=0.2), at_birth=IMPATIENT) as proxy:
        with await _sent(proxy, b'{"model": "m", "input": "Hi", "stream": true}'):
            await backend.received()
            proxy.signal()
            await proxy.logged(CUT)
            assert await proxy.ended() == 0


@WORKERS
async def test_who_asks_three_times_waits_for_no_reader(backend: HeldBackend, tmp_path: Path, workers: int) -> None:
    _floods(backend)
    async with Served(tmp_path, backend.base_url, server=server(workers, timeout=600.0), at_birth=PATIENT) as proxy:
        with await _sent(proxy, b'{"model": "m", "input": "Hi", "stream": true}'):
            await backend.received()
            proxy.signal()
            await proxy.logged(CLOSED, workers)
            proxy.signal()
            await proxy.logged("draining: what is under way fails now")
            proxy.signal()
            await proxy.logged(CUT)
            assert await proxy.ended() == 0


@WORKERS
async def test_who_has_not_sent_all_is_answered(backend: HeldBackend, tmp_path: Path, workers: int) -> None:
    async with Served(tmp_path, backend.base_url, server=server(workers, timeout=0.2), at_birth=IMPATIENT) as proxy:
        with await _sent(proxy, b'{"model": "m", "in', length=1000) as connection:
            await proxy.get("/healthz")
            proxy.signal()
            reader, writer = await asyncio.open_connection(sock=connection)
            answer = await reader.read()
            writer.close()
            assert await proxy.ended() == 0
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b'"server_shutting_down"' in body
