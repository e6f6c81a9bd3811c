"""A load generator: keep-alive connections that send one prebuilt request again and again, and read what is counted.

As a program it is one worker: a `Load` as a JSON line on standard input, its `Outcome` as one on standard output, until
the input ends. Nothing runs longer than a load's `deadline`, and no address but the loopback one is spoken to.
"""

import asyncio
import gc
import os
import re
import sys
import time
from collections.abc import Callable
from typing import cast

import msgspec
import uvloop

from benchmarks.histogram import BUCKETS_PER_SECOND, Histogram, merge

LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
LAST_CHUNK = b"0\r\n\r\n"
HEAD_END = b"\r\n\r\n"
FRAME_END = b"\n\n"
# Longer than any marker: what is kept of one read to find a marker, or the end, that two reads share.
OVERLAP = 40
FAILURE_SHOWN = 400


class Load(msgspec.Struct, kw_only=True, frozen=True):
    """What to send, and how fast. Each connection sends again at once until `requests` are sent or `seconds` are over.

    Gaps are counted from `settle` seconds on: those that began before are not.
    """

    port: int
    path: str
    body: str
    connections: int
    requests: int
    seconds: float
    deadline: float
    ramp: float = 0.0
    settle: float = 0.0
    delta: str | None = None
    done: str | None = None


class Outcome(msgspec.Struct, kw_only=True):
    """What came back. `whole` is the time of each request, `first` until its first delta, `gap` between its reads;
    `failure` is what the first failed one got."""

    finished: int = 0
    failed: int = 0
    failure: str = ""
    frames: int = 0
    elapsed: float = 0.0
    cpu: float = 0.0
    whole: Histogram = {}
    first: Histogram = {}
    gap: Histogram = {}


class Run:
    """One load being sent: the requests still to start, and the outcome so far."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.outcome = Outcome(whole={}, first={}, gap={})
        self.ended = asyncio.get_running_loop().create_future()
        self.request = _request(load)
        self._unsent = load.requests
        self._waiting = load.connections
        self._stop_at = time.perf_counter() + load.seconds
        self.settled_at = time.perf_counter() + load.settle

    def take(self) -> bool:
        """Whether there is one more request to send."""
        if self._unsent == 0 or time.perf_counter() > self._stop_at:
            return False
        self._unsent -= 1
        return True

    def release(self) -> None:
        """Notes that a connection has nothing more to send."""
        self._waiting -= 1
        if self._waiting == 0 and not self.ended.done():
            self.ended.set_result(None)


class Client(asyncio.Protocol):
    """One connection. It ends its part of the run when there is nothing to send, or at its first failure."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.sent_at: float | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio.Transport in all but name.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.sent_at is not None:
            self.fail("closed before its end")

    def send(self) -> None:
        if self._transport.is_closing() or not self.run.take():
            self.sent_at = None
            self.run.release()
            return
        self.reset()
        self.sent_at = time.perf_counter()
        self._transport.write(self.run.request)

    def finish(self, now: float) -> None:
        assert self.sent_at is not None
        outcome = self.run.outcome
        outcome.finished += 1
        outcome.elapsed = now
        _count(outcome.whole, now - self.sent_at)
        self.send()

    def fail(self, got: bytes | str) -> None:
        self.sent_at = None
        self.run.outcome.failed += 1
        self.run.outcome.failure = self.run.outcome.failure or str(got[:FAILURE_SHOWN])
        self._transport.close()
        self.run.release()

    def reset(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.sent_at = None
        self._transport.abort()


class PlainClient(Client):
    """Reads answers whose end is their length, or a last chunk."""

    def reset(self) -> None:
        self._head = b""
        self._missing: int | None = None

    def data_received(self, data: bytes) -> None:
        if self.sent_at is None:
            return
        if self._missing is None:
            self._head += data
            end = self._head.find(HEAD_END)
            if end < 0:
                return
            if not _is_ok(self._head):
                self.fail(self._head)
                return
            length = LENGTH.search(self._head, 0, end)
            # Without a length the answer is chunked, and is over when its last read ends with the last chunk.
            self._missing = end + 4 + int(length[1]) - len(self._head) if length else -1
        elif self._missing > 0:
            self._missing -= len(data)
        if self._missing == 0 or (self._missing < 0 and data.endswith(LAST_CHUNK)):
            self.finish(time.perf_counter())


class StreamClient(Client):
    """Reads event streams: counts frames, times the first delta and the gaps, and asks for the closing event."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        assert run.load.delta is not None
        assert run.load.done is not None
        self._delta = run.load.delta.encode()
        self._done = run.load.done.encode()

    def reset(self) -> None:
        self._tail = b""
        self._read_at: float | None = None
        self._complete = False

    def data_received(self, data: bytes) -> None:
        if self.sent_at is None:
            return
        now = time.perf_counter()
        outcome = self.run.outcome
        if not self._tail and not _is_ok(data):
            self.fail(data)
            return
        outcome.frames += data.count(FRAME_END)
        if self._read_at is not None:
            if self._read_at >= self.run.settled_at:
                _count(outcome.gap, now - self._read_at)
            self._read_at = now
        elif self._delta in data or self._delta in self._seam(data):
            _count(outcome.first, now - self.sent_at)
            self._read_at = now
        if not self._complete:
            self._complete = self._done in data or self._done in self._seam(data)
        self._tail = data[-OVERLAP:] if len(data) >= OVERLAP else (self._tail + data)[-OVERLAP:]
        if self._tail.endswith(LAST_CHUNK):
            self._end(now)

    def connection_lost(self, exc: Exception | None) -> None:
        # A server that ends an answer by closing has finished it; the connection is not opened again.
        if self.sent_at is not None and self._complete:
            self._end(time.perf_counter())
        else:
            super().connection_lost(exc)

    def _seam(self, data: bytes) -> bytes:
        return self._tail + data[:OVERLAP]

    def _end(self, now: float) -> None:
        if self._complete:
            self.finish(now)
        else:
            self.fail(self._tail)


async def send_load(load: Load) -> Outcome:
    """Sends the whole load; what is not finished at its deadline has failed."""
    loop = asyncio.get_running_loop()
    run = Run(load)
    client = PlainClient if load.done is None else StreamClient
    try:
        clients = [await _connect(lambda: client(run), load.port) for _ in range(load.connections)]
    except OSError as error:
        return Outcome(failed=load.connections, failure=str(error))
    cpu, began = time.process_time(), time.perf_counter()
    for number, each in enumerate(clients):
        loop.call_later(load.ramp * number / load.connections, each.send)
    await asyncio.wait([run.ended], timeout=load.deadline)
    outcome = run.outcome
    for each in clients:
        if each.sent_at is not None:
            each.fail("not finished at the deadline")
    outcome.elapsed = max(outcome.elapsed - began, 0.0)
    outcome.cpu = time.process_time() - cpu
    for each in clients:
        each.close()
    return outcome


async def _connect(new_client: Callable[[], Client], port: int) -> Client:
    _, client = await asyncio.get_running_loop().create_connection(new_client, "127.0.0.1", port)
    return client


def merge_outcomes(parts: list[Outcome]) -> Outcome:
    """The outcome of loads that workers sent at the same time."""
    return Outcome(
        finished=sum(part.finished for part in parts),
        failed=sum(part.failed for part in parts),
        failure=next((part.failure for part in parts if part.failure), ""),
        frames=sum(part.frames for part in parts),
        elapsed=max(part.elapsed for part in parts),
        cpu=sum(part.cpu for part in parts),
        whole=merge(part.whole for part in parts),
        first=merge(part.first for part in parts),
        gap=merge(part.gap for part in parts),
    )


def _request(load: Load) -> bytes:
    body = load.body.encode()
    head = (
        f"POST {load.path} HTTP/1.1\r\nHost: 127.0.0.1:{load.port}\r\nAuthorization: Bearer bench\r\n"
        f"Content-Type: application/json\r\nAccept: */*\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _is_ok(head: bytes) -> bool:
    return head[9:12] == b"200"


def _count(times: Histogram, seconds: float) -> None:
    bucket = int(seconds * BUCKETS_PER_SECOND)
    times[bucket] = times.get(bucket, 0) + 1


def main() -> None:
    decode = msgspec.json.Decoder(Load).decode
    # Collections would show up as delays that no server made.
    gc.disable()
    # Not `sys.stdout.buffer`: without buffering (PYTHONUNBUFFERED) that writes a part of a long outcome, and no more.
    with os.fdopen(sys.stdout.fileno(), "wb", closefd=False) as out:
        for line in sys.stdin.buffer:
            outcome = uvloop.run(send_load(decode(line)))
            gc.collect()
            out.write(msgspec.json.encode(outcome) + b"\n")
            out.flush()


if __name__ == "__main__":
    main()
