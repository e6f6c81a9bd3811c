"""The row of paced streams beside one demanding neighbour after the other: how long they wait for each."""

import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from benchmarks.bench import Bench, Running, Sample
from benchmarks.bodies import SMALL
from benchmarks.kinds import Form, Line, make_load
from benchmarks.neighbour import NEIGHBOURS, Visit
from benchmarks.processes import ROOT
from benchmarks.script import name_model
from benchmarks.servers import DIRECT, Server
from benchmarks.targets import Target, constant

MS = 1e3
NOBODY = "nobody"
WITHIN_100_MS = Target("100 ms", (constant(100),))


class Sender:
    """A neighbour's process, which has made what it sends when this is there."""

    def __init__(self, kind: str, port: int, scale: float) -> None:
        command = [sys.executable, "-m", "benchmarks.neighbour", kind, "--port", str(port), "--scale", str(scale)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self._sent = False

    def go(self) -> None:
        """Lets the neighbour send what it made, the first time that this is called."""
        if not self._sent:
            assert self._process.stdin is not None
            self._sent = True
            self._process.stdin.write(b"go\n")
            self._process.stdin.flush()

    def visit(self) -> Visit:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return msgspec.json.decode(line, type=Visit) if line else Visit(False, 0.0, "it broke off")

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def sender(kind: str, port: int, scale: float) -> Generator[Sender]:
    made = Sender(kind, port, scale)
    try:
        yield made
    finally:
        made.end()


@dataclass(frozen=True, kw_only=True)
class NeighboursRow:
    """Gaps are counted once all streams run (`ramp` and `settle`), and then the neighbour comes.

    Going direct has nobody beside it: that is what upstream and load generator cost themselves. Of other servers only
    those are measured that say how (`Server.beside`). It takes a minute, and so is in the short form only by name.
    """

    name: str
    title: str
    streams: int
    rate: int
    seconds: float
    short_seconds: float
    ramp: float
    settle: float
    neighbours: tuple[str, ...] = tuple(NEIGHBOURS)
    scale: float = 1.0

    @property
    def lines(self) -> tuple[Line, ...]:
        cases = {NOBODY: NOBODY} | {kind: NEIGHBOURS[kind].title for kind in self.neighbours}
        return tuple(
            line
            for kind, title in cases.items()
            for line in (
                Line(f"{title}: gap p99, ms", f"{kind}_p99", MS, 1),
                Line(f"{title}: gap max, ms", f"{kind}_max", MS, 1, target=None if kind == NOBODY else WITHIN_100_MS),
            )
        )

    def rounds(self, form: Form) -> int:
        return min(form.rounds, 2) if form.long else int(form.named)

    def sample(self, bench: Bench, server: Server, form: Form, turn: int) -> Sample | None:
        seconds = self.seconds if form.long else self.short_seconds
        if server is DIRECT:
            return self._streams(bench, bench.running(server), seconds, NOBODY, None)
        if server.beside is None:
            return None
        running = bench.running(server.beside)
        sample = self._streams(bench, running, seconds, NOBODY, None)
        for kind in self.neighbours:
            with sender(kind, running.port, self.scale) as neighbour:
                beside = self._streams(bench, running, seconds, kind, neighbour)
                visit = neighbour.visit()
            if not visit.well:
                sys.stderr.write(f"{server.name}: no figures beside {kind}, since it got: {visit.said}\n")
                beside = {"finished": beside["finished"], "failed": beside["failed"] + 1}
            counts = {figure: sample[figure] + beside[figure] for figure in ("finished", "failed")}
            sample |= beside | counts | {f"{kind}_took": visit.seconds}
        return sample

    def _streams(self, bench: Bench, running: Running, seconds: float, kind: str, neighbour: Sender | None) -> Sample:
        chunks = int(self.rate * seconds)
        model = name_model("paced", chunks, self.rate)
        settled = self.ramp + self.settle
        load = make_load(running, SMALL, model, self.streams, once=True, ramp=self.ramp, settle=settled)
        began = time.perf_counter()

        def tick() -> None:
            if neighbour is not None and time.perf_counter() - began > settled:
                neighbour.go()

        sent = bench.send(running, load, chunks=chunks, on_tick=tick)
        sample = {figure: sent[figure] for figure in ("finished", "failed")}
        return sample | {f"{kind}_{part}": sent[f"gap_{part}"] for part in ("p99", "max") if f"gap_{part}" in sent}
