"""`python -m benchmarks.run`: measures every row of every server in turn and prints the table with its targets.

All servers of a row are measured in each round, in an order that turns, so that what else the machine does falls on
all of them. Whatever was started is ended with the run, also on Ctrl-C. It exits with 1 where a server did not start.
"""

import argparse
import os
import platform
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import msgspec

from benchmarks.bench import Bench, Sample
from benchmarks.kinds import CORES, Form, Row
from benchmarks.peers import PEERS, install_peer
from benchmarks.processes import NotReady
from benchmarks.report import Result, Table, notes, summary
from benchmarks.rows import ROWS
from benchmarks.servers import DIRECT, SERVERS, USUAL, Server

SHORT = Form(rounds=3, seconds=0.4, long=False)
LONG = Form(rounds=5, seconds=2.0, long=True)
# Of the upstream and of the load generator: neither may be the limit.
PROCESSES = max(1, CORES // 2)


Write = Callable[[Sequence[str]], None]


@dataclass(frozen=True)
class Run:
    """What was measured, of which servers; `complete` unless one of those that were asked for did not start."""

    about: str
    servers: Sequence[Server]
    results: Sequence[Result]
    complete: bool

    def samples(self) -> bytes:
        """Every sample as JSON, for `benchmarks.compare`."""
        return self._saved(rows={result.row.name: result.samples for result in self.results})

    def medians(self) -> bytes:
        """What the table tells, as JSON for `benchmarks.compare`."""
        return self._saved(medians={result.row.name: result.medians() for result in self.results})

    def _saved(self, **measured: object) -> bytes:
        versions = {server.name: server.version() for server in self.servers}
        return msgspec.json.format(msgspec.json.encode({"about": self.about, "versions": versions, **measured})) + b"\n"


def main() -> None:
    options = _parse_options()
    prepare()
    rows = [row for row in ROWS if not options.only or row.name in options.only]
    run = measure(
        _choose_servers(options),
        rows,
        replace(LONG if options.long else SHORT, named=bool(options.only)),
        write=write_out,
        upstream_processes=options.upstream_processes,
        load_processes=options.load_processes,
    )
    if options.json:
        options.json.write_bytes(run.samples())
    sys.exit(0 if run.complete else 1)


def prepare() -> None:
    """Prepares the program, before anything else: ends it where it cannot measure, and all that it starts where it is
    ended."""
    if not Path("/proc/self/stat").exists():
        sys.exit("The benchmarks read CPU and memory from /proc, which this system does not have.")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)


def measure(
    chosen: Sequence[Server],
    rows: Sequence[Row],
    form: Form,
    *,
    write: Write,
    upstream_processes: int = PROCESSES,
    load_processes: int = PROCESSES,
) -> Run:
    """Measures everything and writes the table, line by line as it comes."""
    about = _describe()
    with Bench(upstream_processes=upstream_processes, load_processes=load_processes) as bench:
        servers = [server for server in chosen if _starts(bench, server)]
        table = Table([server.name for server in servers])
        versions = [f"- {server.name}: {server.version()}" for server in servers]
        write([about, "", *versions, "", *table.head()])
        results = []
        for row in rows:
            if rounds := row.rounds(form):
                results.append(_measure(bench, row, servers, form, rounds))
                write(table.lines(row, results[-1].medians()))
    write(["", *(f"- {note}" for result in results for note in notes(result)), f"- {summary(results)}"])
    return Run(about, servers, results, complete=len(servers) == len(chosen))


def _measure(bench: Bench, row: Row, servers: Sequence[Server], form: Form, rounds: int) -> Result:
    samples: dict[str, list[Sample | None]] = {server.name: [] for server in servers}
    for turn in range(rounds):
        place = turn % len(servers)
        for server in (*servers[place:], *servers[:place]):
            _show(f"{row.name}: {server.name}, {turn + 1} of {rounds}")
            samples[server.name].append(row.sample(bench, server, form, turn))
    _show("")
    return Result(row, samples)


def _starts(bench: Bench, server: Server) -> bool:
    """Returns whether the server comes up; one that does not is left out, with its reason told."""
    try:
        bench.running(server)
    except (NotReady, FileNotFoundError) as failure:
        sys.stderr.write(f"left out: {failure}\n")
        return False
    return True


def _choose_servers(options: argparse.Namespace) -> list[Server]:
    chosen = list(options.servers or (SERVERS if options.long else USUAL))
    return choose(chosen, PEERS if options.peers else ())


def choose(chosen: Sequence[Server], peers: Sequence[Server]) -> list[Server]:
    """The servers of a run, each once, and peers among them installed."""
    chosen = [*chosen, *(peer for peer in peers if peer not in chosen)]
    for peer in PEERS:
        if peer in chosen:
            install_peer(peer)
    # The upstream is in every run: its own figures are the ceiling, and what others add is added to them.
    return [DIRECT, *(server for server in chosen if server is not DIRECT)]


def _describe() -> str:
    """Where and when this is measured."""
    facts = [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"{_processor()}, {CORES} cores",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
        f"load average at the start {os.getloadavg()[0]:.1f}",
    ]
    return ", ".join(facts)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def write_out(lines: Sequence[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def _show(progress: str) -> None:
    """What is being measured, on one line of a terminal that the next replaces."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{progress}\r")
        sys.stderr.flush()


def _end(number: int, frame: FrameType | None) -> None:
    # An exception ends every `with` block and so every server; the default action of SIGTERM would leave them behind.
    raise SystemExit(128 + number)


def _servers(names: str) -> list[Server]:
    by_name = {server.name: server for server in (*SERVERS, *PEERS)}
    try:
        return [by_name[name] for name in names.split(",")]
    except KeyError as unknown:
        raise argparse.ArgumentTypeError(f"no server {unknown}; there are {', '.join(by_name)}") from None


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description="Measures Dragoman beside others.")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--short", action="store_true", help="under two minutes (the default)")
    form.add_argument(
        "--long", action="store_true", help="more and longer rounds, more rows, the floor, both passthroughs"
    )
    parser.add_argument("--only", action="append", choices=[row.name for row in ROWS], help="a row; may be repeated")
    parser.add_argument("--servers", type=_servers, help="names, with commas between them, in place of the usual ones")
    parser.add_argument("--peers", action="store_true", help="install and measure other projects' proxies as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    parser.add_argument("--upstream-processes", type=int, default=PROCESSES, metavar="N")
    parser.add_argument("--load-processes", type=int, default=PROCESSES, metavar="N")
    return parser.parse_args()


if __name__ == "__main__":
    main()
