"""`python -m benchmarks.results` measures Dragoman in all rows and beside other projects' proxies, and writes it down.

RESULTS.md gets both tables with machine, versions and date; RESULTS.json the medians of the first, to compare later
runs with (`benchmarks.compare`). For a machine that does nothing else.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kinds import Form, Row
from benchmarks.peers import PEERS, RELAY
from benchmarks.processes import ROOT
from benchmarks.rows import ROWS
from benchmarks.run import Run, choose, measure, prepare, write_out
from benchmarks.servers import FLOOR, USUAL, Server

FILE = ROOT / "benchmarks" / "RESULTS.md"
# Many short rounds rather than few long ones: where a machine changes its pace, that falls on all servers of a round.
WHOLE = Form(rounds=9, seconds=0.5, long=True)
BESIDE = Form(rounds=2, seconds=0.4, long=False)
# What targets are held against. A peer that takes seconds for a stream makes a row long: no row is here for nothing.
SHARED = {"plain-1", "plain-32", "plain-32-cores", "streams", "long", "paced-100", "paced-500", "start"}
HEAD = """# Results

Written by `make bench-results`. What the rows are and how they are measured is in [README.md](README.md); read ratios,
not times.
"""


@dataclass(frozen=True)
class Part:
    title: str
    servers: Sequence[Server]
    peers: Sequence[Server]
    rows: Sequence[Row]
    form: Form


PARTS = (
    Part("Dragoman", (*USUAL, FLOOR), (RELAY,), ROWS, WHOLE),
    Part("Beside other projects' proxies", USUAL, PEERS, [row for row in ROWS if row.name in SHARED], BESIDE),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.results", description="Writes benchmarks/RESULTS.md.")
    parser.add_argument("--write", type=Path, default=FILE, metavar="FILE", help="in place of benchmarks/RESULTS.md")
    parser.add_argument("--without-peers", action="store_true", help="the first table only")
    options = parser.parse_args()
    prepare()
    parts = PARTS[:1] if options.without_peers else PARTS
    servers = [choose(part.servers, part.peers) for part in parts]  # all are installed before anything is measured
    text = [HEAD]
    runs = [_measure(part, chosen, text) for part, chosen in zip(parts, servers, strict=True)]
    options.write.write_text("\n".join(text) + "\n")
    options.write.with_suffix(".json").write_bytes(runs[0].medians())
    sys.exit(0 if all(run.complete for run in runs) else 1)


def _measure(part: Part, servers: Sequence[Server], text: list[str]) -> Run:
    text += [f"## {part.title}", ""]

    def write(lines: Sequence[str]) -> None:
        write_out(lines)
        text.extend(lines)

    run = measure(servers, part.rows, part.form, write=write)
    text.append("")
    return run


if __name__ == "__main__":
    main()
