"""`python -m benchmarks.chain`: what one more turn of a stored chain costs, by its length.

The store and the translation alone, without a network: the chain is read, decoded and made into a Chat request,
then the turn is stored. The time per kilobyte of history handed to the upstream has to stay where it is.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import msgspec
from msgspec import Raw

from proxy.continuation import recall
from proxy.recording import Recorder
from proxy.store import Store
from proxy.store.sql import SqlStore
from proxy.store.sqlite import SqliteDatabase
from translators.dialects import PRESETS
from translators.items.message import OutputMessage, OutputText
from translators.request import ParsedRequest, Settings, to_chat
from translators.response import open_response
from translators.schema.responses import ResponsesRequest

QUESTION = "What follows from what was said so far, and what is left to do? " * 4
ANSWER = "It follows that the next step is the one after this one. " * 8
STEP = 100


async def turn(store: Store, number: int, previous: str | None) -> tuple[str, float, int]:
    """One turn: the response's id, the seconds it took and the bytes that would go upstream."""
    params = ResponsesRequest(model="m", input=Raw(msgspec.json.encode(QUESTION)), previous_response_id=previous)
    started = time.perf_counter()
    past = await recall(params, store, "bench")
    translation = to_chat(ParsedRequest(params, {}), PRESETS["generic"], Settings(model="m"), past.decoded())
    body = translation.body()
    response = open_response(translation, response_id=f"resp_{number:032}", created_at=number)
    output = OutputMessage(f"msg_{number:032}", "completed", "assistant", [OutputText(ANSWER, [])])
    response = msgspec.structs.replace(response, status="completed", output=[output])
    recording = Recorder(params, past, "bench", lambda prefix: f"{prefix}_in_{number:029}").record(response)
    await store.put(recording.record, recording.named)
    return response.id, time.perf_counter() - started, len(body)


async def measure(turns: int) -> None:
    with tempfile.TemporaryDirectory(prefix="dragoman-chain-") as folder:
        store = SqlStore(SqliteDatabase(Path(folder) / "chain.db"))
        await store.open()
        previous: str | None = None
        print(f"{'turns':>6} {'ms per turn':>12} {'KB upstream':>12} {'µs per KB':>10}")  # noqa: T201 - the table is the result
        for start in range(0, turns, STEP):
            seconds, size = 0.0, 0
            for number in range(start, start + STEP):
                previous, took, sent = await turn(store, number, previous)
                seconds, size = seconds + took, size + sent
            per_kb = seconds * 1e6 / (size / 1024)
            print(f"{start + STEP:>6} {seconds / STEP * 1e3:>12.2f} {size / STEP / 1024:>12.0f} {per_kb:>10.1f}")  # noqa: T201
        await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=1000)
    asyncio.run(measure(parser.parse_args().turns))


if __name__ == "__main__":
    main()
