"""One run's processes: the upstream, the load workers and the servers under test; and the sending of one load to one.

`send` gives a sample: the figures of one load sent to one server, by name. Times are in seconds, memory in bytes.
"""

import asyncio
import select
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Hashable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from benchmarks.histogram import percentiles
from benchmarks.load import Load, Outcome, merge_outcomes
from benchmarks.processes import ROOT, Child, free_port
from benchmarks.servers import DIRECT, Launch, Server
from tests.support.postgres import PostgresServer, find_programs

Sample = dict[str, float]
Made = TypeVar("Made")
TICK = 0.1


@dataclass(frozen=True)
class Running:
    """A server that is up, and how many seconds that took."""

    server: Server
    port: int
    child: Child
    ready_after: float


class Worker:
    """A load generator in a process of its own, which ends with its standard input."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "benchmarks.load"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def send(self, load: Load) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(load) + b"\n")
        self._process.stdin.flush()

    def wait(self, on_tick: Callable[[], None] | None) -> Outcome:
        """The outcome of the load sent last; a worker keeps that load's deadline by itself, so this wait ends."""
        assert self._process.stdout is not None
        while on_tick is not None and not select.select([self._process.stdout], [], [], TICK)[0]:
            on_tick()
        return msgspec.json.decode(self._process.stdout.readline(), type=Outcome)


class Bench:
    """Starts a server when it is first asked for and keeps it; leaving the `with` block ends everything."""

    def __init__(self, *, upstream_processes: int, load_processes: int) -> None:
        self._upstream_processes = upstream_processes
        self._load_processes = load_processes
        self._stack = ExitStack()
        self._kept: dict[tuple[str, int], Running] = {}
        self._postgres: PostgresServer | None = None
        self._made: dict[Hashable, Any] = {}

    def __enter__(self) -> "Bench":
        with self._stack as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dragoman-bench-")))
            self._direct = stack.enter_context(self._start(DIRECT, 0, self._upstream_processes))
            self._workers = [stack.enter_context(Worker()) for _ in range(self._load_processes)]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def running(self, server: Server, workers: int = 1) -> Running:
        """The kept process of a server, started the first time."""
        if server is DIRECT:
            return self._direct
        key = (server.name, workers if server.takes_workers else 1)
        if key not in self._kept:
            self._kept[key] = self._stack.enter_context(self.fresh(server, key[1]))
        return self._kept[key]

    def once(self, name: Hashable, make: Callable[[], Made]) -> Made:
        """Returns what was made under that name: by `make` the first time, for all rounds that follow."""
        if name not in self._made:
            self._made[name] = make()
        made: Made = self._made[name]
        return made

    @contextmanager
    def fresh(self, server: Server, workers: int = 1) -> Generator[Running]:
        """Starts a server anew, and ends it again."""
        with self._start(server, self._direct.port, workers) as running:
            yield running

    def send(
        self, running: Running, load: Load, *, chunks: int = 0, on_tick: Callable[[], None] | None = None
    ) -> Sample:
        """Sends one load and waits for it; `chunks` is how many chunks each of its answers is made of."""
        parts = _split(load, len(self._workers))
        before, upstream_before = running.child.cpu_seconds(), self._direct.child.cpu_seconds()
        for worker, part in zip(self._workers, parts, strict=False):
            worker.send(part)
        outcomes = [worker.wait(on_tick) for worker, _ in zip(self._workers, parts, strict=False)]
        outcome = merge_outcomes(outcomes)
        if outcome.failed:
            sys.stderr.write(f"{running.server.name}: {outcome.failed} failed, the first with: {outcome.failure}\n")
        sample = _figures(outcome, running.child.cpu_seconds() - before, chunks)
        sample["upstream_cpu"] = self._direct.child.cpu_seconds() - upstream_before
        return sample

    @property
    def has_database(self) -> bool:
        return find_programs() is not None

    def _make_database(self) -> str:
        """The address of a new database; the first starts PostgreSQL."""
        if self._postgres is None:
            programs = find_programs()
            assert programs is not None, "no PostgreSQL; ask has_database first"
            self._postgres = self._stack.enter_context(PostgresServer(programs))
        return asyncio.run(self._postgres.database())

    @contextmanager
    def _start(self, server: Server, upstream_port: int, workers: int) -> Generator[Running]:
        folder = Path(tempfile.mkdtemp(prefix=f"{server.name}-", dir=self._folder))
        database = self._make_database() if server.needs_database else None
        with ExitStack() as stack:
            beside = stack.enter_context(self._start(DIRECT, 0, 1)).port if server.needs_second_upstream else None
            launch = Launch(free_port(), upstream_port, folder, workers, database, beside)
            child = Child(server.name, server.command(launch), server.environment, folder / "log")
            stack.enter_context(child)
            yield Running(server, launch.port, child, child.wait_ready(launch.port, server.ready, server.ready_limit))


def _split(load: Load, workers: int) -> list[Load]:
    """The load as parts for that many workers, none without a connection."""
    workers = min(workers, load.connections)
    return [
        msgspec.structs.replace(
            load,
            connections=len(range(place, load.connections, workers)),
            requests=len(range(place, load.requests, workers)),
        )
        for place in range(workers)
    ]


def _figures(outcome: Outcome, cpu: float, chunks: int) -> Sample:
    sample: Sample = {
        "finished": outcome.finished,
        "failed": outcome.failed,
        "frames": outcome.frames,
        "elapsed": outcome.elapsed,
        "cpu": cpu,
        "load_cpu": outcome.cpu,
    }
    if outcome.finished == 0:
        return sample
    sample |= {
        "request_rate": outcome.finished / outcome.elapsed,
        "request_cpu": cpu / outcome.finished,
        **percentiles(whole_p50=(outcome.whole, 50), whole_p99=(outcome.whole, 99)),
    }
    if chunks:
        sample |= {
            "chunk_rate": outcome.finished * chunks / outcome.elapsed,
            "chunk_frames": outcome.frames / (outcome.finished * chunks),
            "chunk_cpu": cpu / (outcome.finished * chunks),
            **percentiles(
                first_p50=(outcome.first, 50),
                first_p99=(outcome.first, 99),
                gap_p99=(outcome.gap, 99),
                gap_max=(outcome.gap, 100),
            ),
        }
    return sample
