"""Long requests are read and translated off the event loop, short ones on it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import httpx2
import pytest

from proxy.exchange import beginning as module
from proxy.process.aside import LONG_BYTES, aside
from tests.support.chat_backend import ChatBackend, json_answer
from tests.support.running import config_for, read_config, running
from translators.asking.parse import ParsedRequest, parse_request
from translators.steps import GIVE_WAY, MANY, in_steps

ANSWER = {"choices": [{"index": 0, "message": {"content": "Hello."}, "finish_reason": "stop"}]}


async def test_r10_a_long_request_is_read_beside_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def noting(body: bytes, **options: Any) -> ParsedRequest:
        threads.append(threading.current_thread().name)
        return parse_request(body, **options)

    monkeypatch.setattr(module, "parse_request", noting)
    async with ChatBackend() as backend:
        backend.always(json_answer(ANSWER))
        async with (
            running(read_config(config_for(backend), tmp_path)) as url,
            httpx2.AsyncClient(base_url=url, timeout=60, verify=False) as http,
        ):
            for text in ("x", "x" * LONG_BYTES):
                answer = await http.post("/v1/responses", json={"model": "m", "input": text})
                assert answer.json()["output"][0]["content"][0]["text"] == "Hello."
            wrong = await http.post("/v1/responses", json={"model": "m", "input": "x" * LONG_BYTES, "stream": 7})
            assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "stream")
    short, long, _ = threads
    assert short != long
    assert long.startswith("asyncio_")


async def test_the_event_loop_has_a_turn_between_two_steps() -> None:
    """A thread that works for a second takes half of the time from hundreds of streams otherwise."""
    turns, seen = 0, []

    def turn() -> None:
        nonlocal turns
        turns += 1
        loop.call_soon(turn)

    def work() -> list[int]:
        for item in in_steps(range(3 * MANY)):
            if not item % MANY:
                seen.append(turns)
        return seen

    loop = asyncio.get_running_loop()
    loop.call_soon(turn)
    assert await aside(LONG_BYTES, work) is seen
    assert len(set(seen)) == 3
    assert GIVE_WAY.get() is None
