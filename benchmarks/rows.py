"""The rows of the table, in the order they are run; a further row is one entry here."""

from benchmarks.bodies import TOOLS, build_history
from benchmarks.kinds import CORES, DifferenceRow, KeptRow, Line, LoopRow, MemoryRow, PacedRow, Row, StartRow, StoredRow
from benchmarks.neighbours import NeighboursRow
from benchmarks.targets import Target, constant, direct, passthrough, relay

MS, US, MB = 1e3, 1e6, 1 / 2**20

CHUNK_RATE = Line("chunks/s", "chunk_rate", digits=0)
CHUNK_CPU = Line("CPU per chunk, µs", "chunk_cpu", US)
ADDED_P50 = Line("added p50, ms", "whole_p50", MS, added=True)
ADDED_P99 = Line("added p99, ms", "whole_p99", MS, added=True)
REQUEST_RATE = Line("requests/s", "request_rate", digits=0)
FIRST_P50 = Line("added to the first delta, p50, ms", "first_p50", MS, added=True)
FIRST_P99 = Line("added to the first delta, p99, ms", "first_p99", MS, added=True)
GAP_P99 = Line("gap p99, ms", "gap_p99", MS)
WITHIN_20_MS = Target("20 ms", (constant(20),))
WITHIN_300_US = Target("0.3 ms", (constant(0.3),))


def finished(streams: int) -> Line:
    return Line(
        "streams finished", "finished", digits=0, target=Target("all finish", (constant(streams),), at_least=True)
    )


def paced_thousand(rate: int, note: str) -> PacedRow:
    return PacedRow(
        name=f"paced-1000x{rate}",
        title=f"1,000 streams at {rate} chunks/s{note}",
        streams=1000,
        rate=rate,
        chunks=rate * 10,
        short_chunks=rate * 5,
        ramp=2,
        rounds_at_most=3,
        long_only=True,
        lines=(
            finished(1000),
            FIRST_P50,
            Line("added to the first delta, p99, ms", "first_p99", MS, added=True, target=WITHIN_20_MS),
            Line("added to the gap p99, ms", "gap_p99", MS, added=True, target=WITHIN_20_MS),
            CHUNK_CPU,
        ),
    )


def kept(store: str, title: str, target: Target | None = None) -> KeptRow:
    return KeptRow(
        name=f"store-{store}",
        title=f"kept in {title}",
        store=store,
        lines=(Line("added CPU, ms", "added_cpu", MS, 3, target=target),),
    )


def stored(store: str, title: str, name: str) -> StoredRow:
    return StoredRow(
        name=name,
        title=f"plain and stored in {title}, 32 at once",
        store=store,
        connections=32,
        lines=(Line("times one that is not", "stored_times", target=Target("1.5", (constant(1.5),))),),
    )


def over(transport: str, *, long_only: bool = False) -> tuple[LoopRow, LoopRow]:
    return (
        LoopRow(
            name=f"{transport}-plain",
            title=f"plain over {transport}, 32 at once",
            connections=32,
            transport=transport,
            long_only=long_only,
            lines=(REQUEST_RATE, Line("CPU per request, ms", "request_cpu", MS, 3)),
        ),
        LoopRow(
            name=f"{transport}-streams",
            title=f"streams over {transport}, 16 x 200",
            connections=16,
            chunks=200,
            transport=transport,
            long_only=long_only,
            lines=(CHUNK_RATE, CHUNK_CPU),
        ),
    )


def continued(turns: int, *, long_only: bool = False) -> KeptRow:
    return KeptRow(
        name=f"chain-{turns}",
        title=f"going on from {turns:,} turns in SQLite",
        store="sqlite",
        turns=turns,
        long_only=long_only,
        lines=(
            Line("added CPU, ms", "added_cpu", MS, 3),
            Line("added CPU a KB of history, µs", "kilobyte_cpu", US, 1),
        ),
    )


ROWS: tuple[Row, ...] = (
    LoopRow(
        name="plain-1",
        title="plain, 1 at a time",
        connections=1,
        lines=(
            REQUEST_RATE,
            Line(
                "added p50, ms",
                "whole_p50",
                MS,
                added=True,
                target=Target("2 x codex-relay, passthrough", (relay(2, published=0.22 / 0.50), passthrough())),
            ),
            ADDED_P99,
        ),
    ),
    LoopRow(
        name="plain-32",
        title="plain, 32 at once",
        connections=32,
        lines=(
            REQUEST_RATE,
            ADDED_P50,
            ADDED_P99,
            Line("CPU per request, ms", "request_cpu", MS, 3, target=Target("passthrough", (passthrough(),))),
        ),
    ),
    LoopRow(
        name="plain-32-cores",
        title=f"plain, 32 at once, {CORES} workers",
        connections=32,
        workers=CORES,
        lines=(
            Line(
                "requests/s",
                "request_rate",
                digits=0,
                target=Target("codex-relay", (relay(1, published=4811 / 2182),), at_least=True),
            ),
        ),
    ),
    LoopRow(
        name="streams",
        title="streams of 200, 16 at once",
        connections=16,
        chunks=200,
        lines=(
            CHUNK_RATE,
            Line(
                "CPU per chunk, µs",
                "chunk_cpu",
                US,
                target=Target("½ codex-relay, passthrough", (relay(0.5, published=20.5 / 11.7), passthrough())),
            ),
        ),
    ),
    LoopRow(
        name="bursts",
        title="the same, 8 chunks a write",
        connections=16,
        chunks=200,
        burst=8,
        lines=(CHUNK_RATE, CHUNK_CPU),
    ),
    LoopRow(
        name="long",
        title="streams of 2,000, 4 at once, 8 a write",
        connections=4,
        chunks=2000,
        burst=8,
        lines=(
            Line(
                "chunks/s",
                "chunk_rate",
                digits=0,
                target=Target("1.5 x codex-relay", (relay(1.5, published=85 / 141),), at_least=True),
            ),
            CHUNK_CPU,
        ),
    ),
    LoopRow(
        name="tools",
        title="tool-call arguments, 16 x 200",
        connections=16,
        kind="tools",
        chunks=200,
        ask=TOOLS,
        lines=(CHUNK_RATE, CHUNK_CPU),
    ),
    LoopRow(
        name="reasoning",
        title="reasoning, 16 x 200",
        connections=16,
        kind="reasoning",
        chunks=200,
        lines=(CHUNK_RATE, CHUNK_CPU),
    ),
    PacedRow(
        name="paced-1",
        title="1 stream at 50 chunks/s",
        streams=1,
        rate=50,
        chunks=150,
        short_chunks=40,
        ramp=0,
        lines=(FIRST_P50, GAP_P99),
    ),
    PacedRow(
        name="paced-100",
        title="100 streams at 50 chunks/s",
        streams=100,
        rate=50,
        chunks=200,
        short_chunks=50,
        ramp=0.5,
        rounds_at_most=2,
        lines=(finished(100), FIRST_P50, FIRST_P99, GAP_P99, CHUNK_CPU),
    ),
    PacedRow(
        name="paced-500",
        title="500 streams at 100 chunks/s",
        streams=500,
        rate=100,
        chunks=500,
        short_chunks=200,
        ramp=1,
        rounds_at_most=1,
        lines=(
            finished(500),
            Line(
                "until all are finished, s",
                "elapsed",
                # An engine's pace makes up nearly all of it, so that the last hundredths are chance.
                target=Target("codex-relay, to 2 %", (relay(1.02),)),
            ),
            FIRST_P50,
            FIRST_P99,
            Line("gap p99, ms", "gap_p99", MS, target=Target("codex-relay", (relay(1),))),
            CHUNK_CPU,
        ),
    ),
    paced_thousand(25, ""),
    paced_thousand(50, " (stretch)"),
    NeighboursRow(
        name="neighbours",
        title="200 streams at 50 chunks/s",
        streams=200,
        rate=50,
        seconds=10,
        short_seconds=6,
        ramp=0.5,
        settle=0.5,
    ),
    DifferenceRow(
        name="history",
        title="plain with a history of 1 MB",
        ask=build_history,
        against_codec=True,
        lines=(
            Line(
                "added CPU, ms (direct: orjson)",
                "added_cpu",
                MS,
                target=Target("3 x orjson", (direct(3),)),
            ),
        ),
    ),
    *over("native", long_only=True),  # `plain-32` and `streams` have it, too
    *over("httpx"),
    stored("sqlite", "SQLite", "stored"),
    stored("memory", "memory", "stored-memory"),
    kept("memory", "the memory store", WITHIN_300_US),
    kept("sqlite", "SQLite", WITHIN_300_US),
    kept("postgres", "PostgreSQL, its own CPU not counted"),
    continued(100),
    continued(1000, long_only=True),
    MemoryRow(
        name="memory",
        title="memory",
        streams=500,
        rate=20,
        chunks=60,
        ramp=1,
        lines=(
            Line("idle, MB", "idle", MB, 0, target=Target("60 MB", (constant(60),))),
            Line("500 streams, MB", "peak", MB, 0, target=Target("110 MB", (constant(110),))),
        ),
    ),
    StartRow(
        name="start",
        title="start to ready",
        lines=(Line("s", "ready_after", target=Target("passthrough + 0.1 s", (passthrough(plus=0.1),))),),
    ),
    StartRow(
        name="start-cores",
        title=f"start to ready, {CORES} workers",
        workers=CORES,
        long_only=True,
        lines=(Line("s", "ready_after"),),
    ),
)
