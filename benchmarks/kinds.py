"""The kinds of row. A row takes one sample of one server; rounds, order and medians are the runner's."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Protocol

import orjson

from benchmarks.bench import Bench, Running, Sample
from benchmarks.bodies import RESPONSES, SMALL, STORED, Ask
from benchmarks.chain import store_turns
from benchmarks.load import Load
from benchmarks.script import name_model
from benchmarks.servers import DIRECT, Server
from benchmarks.targets import Target

CORES = os.cpu_count() or 1
UNLIMITED = 1_000_000
DEADLINE = 60.0
WARM_UP = 0.2
SETTLE = 1.0  # until a server has loaded what it loads after its start
CODEC_RUNS = 20
PARTS = 4
PLAIN = name_model("text", 1)


@dataclass(frozen=True)
class Form:
    """How long a run is: rounds a row, seconds a closed loop, whether rows for the long form are in it, and whether its
    rows were chosen by name."""

    rounds: int
    seconds: float
    long: bool
    named: bool = False


@dataclass(frozen=True)
class Line:
    """One printed line of a row. `scale` turns seconds or bytes into the label's unit; `added` is over going direct."""

    label: str
    figure: str
    scale: float = 1.0
    digits: int = 2
    added: bool = False
    target: Target | None = None


class Row(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def lines(self) -> tuple[Line, ...]: ...

    def rounds(self, form: Form) -> int:
        """How many times each server is measured; 0 leaves the row out of this form."""

    def sample(self, bench: Bench, server: Server, form: Form, turn: int) -> Sample | None:
        """One measurement, or None where the row says nothing about that server."""


@dataclass(frozen=True, kw_only=True)
class LoopRow:
    """Connections that send again as soon as they are answered; streams where `chunks` is given.

    With `transport`, only servers that have it are measured, with it.
    """

    name: str
    title: str
    lines: tuple[Line, ...]
    connections: int
    kind: str = "text"
    chunks: int = 0
    burst: int = 1
    ask: Ask = SMALL
    workers: int = 1
    transport: str | None = None
    long_only: bool = False

    def rounds(self, form: Form) -> int:
        return 0 if self.long_only and not form.long else form.rounds

    def sample(self, bench: Bench, server: Server, form: Form, turn: int) -> Sample | None:
        if self.transport is not None:
            if self.transport not in server.transports:
                return None
            server = server.transports[self.transport]
        running = bench.running(server, self.workers)
        if turn == 0:
            self._send(bench, running, WARM_UP)
        return self._send(bench, running, form.seconds)

    def _send(self, bench: Bench, running: Running, seconds: float) -> Sample:
        model = name_model(self.kind, self.chunks, burst=self.burst) if self.chunks else PLAIN
        load = make_load(running, self.ask, model, self.connections, seconds=seconds, stream=self.chunks > 0)
        return bench.send(running, load, chunks=self.chunks)


@dataclass(frozen=True, kw_only=True)
class PacedRow:
    """Streams that come at an engine's pace, one a connection, started one after the other over `ramp` seconds."""

    name: str
    title: str
    lines: tuple[Line, ...]
    streams: int
    rate: int
    chunks: int
    short_chunks: int
    ramp: float
    rounds_at_most: int = 3
    long_only: bool = False

    def rounds(self, form: Form) -> int:
        return 0 if self.long_only and not form.long else min(form.rounds, self.rounds_at_most)

    def sample(self, bench: Bench, server: Server, form: Form, turn: int) -> Sample | None:
        running = bench.running(server)
        chunks = self.chunks if form.long else self.short_chunks
        load = make_load(
            running, SMALL, name_model("paced", chunks, self.rate), self.streams, once=True, ramp=self.ramp
        )
        return bench.send(running, load, chunks=chunks)


@dataclass(frozen=True, kw_only=True)
class DifferenceRow:
    """What a request costs more than the small one: plain answers, one at a time, the two in turn in each round.

    The column of the upstream holds one orjson decode and encode of the body where `against_codec` asks for it.
    """

    name: str
    title: str
    lines: tuple[Line, ...]
    ask: Callable[[], Ask]
    against_codec: bool = False

    def rounds(self, form: Form) -> int:
        return form.rounds

    def sample(self, bench: Bench, server: Server, form: Form, turn: int) -> Sample | None:
        if server is DIRECT:
            return {"added_cpu": _codec_cpu(self.ask())} if self.against_codec else None
        return compare(bench, bench.running(server), self.ask(), form, turn)


@dataclass(frozen=True, kw_only=True)
class KeptRow:
    """What keeping an answer in one kind of store costs; after `turns` stored turns, what going on from them costs.

    A turn is a paragraph, its answer a sentence; what goes on is not itself kept, so that the history stays as long.
    """

    name: str
    title: str
    lines: tuple[Line, ...]
    store: str
    turns: int = 0
    long_only: bool = False

    def rounds(self, form: Form) -> int:
        return 0 if self.long_only and not form.long else form.rounds

    def sample(self, bench: Bench, server: Server, form: Form, turn: int) -> Sample | None:
        keeping = server.keeping.get(self.store)
        if keeping is None or (keeping.needs_database and not bench.has_database):
            return None
        running = bench.running(keeping)
        if not self.turns:
            return compare(bench, running, STORED, form, turn)
        last, size = bench.once((keeping.name, self.turns), lambda: store_turns(running.port, PLAIN, self.turns))
        sample = compare(bench, running, SMALL.after(last), form, turn)
        if "added_cpu" in sample:
            sample["kilobyte_cpu"] = sample["added_cpu"] / (size / 1024)
        return sample


@dataclass(frozen=True, kw_only=True)
class StoredRow:
    """`stored_times` is how many times the processor time of a plain answer one takes that is stored, as they all are
    where nobody asks for anything else. Both are sent to the same process, in turn, by as many connections."""

    name: str
    title: str
    lines: tuple[Line, ...]
    store: str
    connections: int

    def rounds(self, form: Form) -> int:
        return form.rounds

    def sample(self, bench: Bench, server: Server, form: Form, turn: int) -> Sample | None:
        keeping = server.keeping.get(self.store)
        if keeping is None:
            return None
        sample, pairs = send_in_turn(bench, bench.running(keeping), STORED, form, turn, self.connections)
        if pairs:
            sample["stored_times"] = median(stored / base for base, stored in pairs)
        return sample


@dataclass(frozen=True, kw_only=True)
class MemoryRow:
    """The resident memory of a server just started, and its peak while streams are open."""

    name: str
    title: str
    lines: tuple[Line, ...]
    streams: int
    rate: int
    chunks: int
    ramp: float

    def rounds(self, form: Form) -> int:
        return 1

    def sample(self, bench: Bench, server: Server, form: Form, turn: int) -> Sample | None:
        if server is DIRECT:
            return None
        with bench.fresh(server) as running:
            time.sleep(SETTLE)
            idle = running.child.resident_bytes()
            seen = [idle]
            load = make_load(
                running, SMALL, name_model("paced", self.chunks, self.rate), self.streams, once=True, ramp=self.ramp
            )
            sample = bench.send(
                running, load, chunks=self.chunks, on_tick=lambda: seen.append(running.child.resident_bytes())
            )
            return sample | {"idle": idle, "peak": max(seen)}


@dataclass(frozen=True, kw_only=True)
class StartRow:
    """From starting the process to its first good answer."""

    name: str
    title: str
    lines: tuple[Line, ...]
    workers: int = 1
    long_only: bool = False

    def rounds(self, form: Form) -> int:
        return 0 if self.long_only and not form.long else form.rounds

    def sample(self, bench: Bench, server: Server, form: Form, turn: int) -> Sample | None:
        if server is DIRECT or (self.workers > 1 and not server.takes_workers):
            return None
        with bench.fresh(server, self.workers) as running:
            return {"ready_after": running.ready_after}


def compare(bench: Bench, running: Running, ask: Ask, form: Form, turn: int) -> Sample:
    """`added_cpu` is what the request costs more than the small one, one at a time."""
    sample, pairs = send_in_turn(bench, running, ask, form, turn, 1)
    if pairs:
        sample["added_cpu"] = median(asked - base for base, asked in pairs)
    return sample


def send_in_turn(
    bench: Bench, running: Running, ask: Ask, form: Form, turn: int, connections: int
) -> tuple[Sample, list[tuple[float, float]]]:
    """The counts of both, and pairs of the processor time of the small request and of this one.

    The two are sent in turn for a part of the time each, so that what else the machine does falls on both.
    """

    def send(ask: Ask, seconds: float) -> Sample:
        return bench.send(running, make_load(running, ask, PLAIN, connections, seconds=seconds, stream=False))

    if turn == 0:
        send(SMALL, WARM_UP)
        send(ask, WARM_UP)
    part = form.seconds / PARTS
    pairs = [(send(SMALL, part), send(ask, part)) for _ in range(PARTS)]
    sent = [sample for pair in pairs for sample in pair]
    sample = {figure: sum(one[figure] for one in sent) for figure in ("finished", "failed")}
    figure = "request_cpu"
    return sample, [(base[figure], asked[figure]) for base, asked in pairs if figure in base and figure in asked]


def make_load(
    running: Running,
    ask: Ask,
    model: str,
    connections: int,
    *,
    seconds: float = DEADLINE,
    stream: bool = True,
    once: bool = False,
    ramp: float = 0.0,
    settle: float = 0.0,
) -> Load:
    api = running.server.api
    return Load(
        port=running.port,
        path=api.path,
        body=api.encode(ask, model, stream=stream),
        connections=connections,
        requests=connections if once else UNLIMITED,
        seconds=seconds,
        deadline=DEADLINE,
        ramp=ramp,
        settle=settle,
        delta=api.delta if stream else None,
        done=api.done if stream else None,
    )


def _codec_cpu(ask: Ask) -> float:
    body = RESPONSES.encode(ask, PLAIN, stream=False).encode()
    began = time.process_time()
    for _ in range(CODEC_RUNS):
        orjson.dumps(orjson.loads(body))
    return (time.process_time() - began) / CODEC_RUNS
