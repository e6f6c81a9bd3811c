"""Long requests are read and translated off the event loop, short ones on it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec import Raw

from proxy.endpoints import responses_socket
from proxy.exchange import beginning as module
from proxy.process.aside import LONG_BYTES, aside
from proxy.state import recording
from tests.support.chat_backend import ChatBackend, json_answer
from tests.support.live import LiveProxy, ended
from tests.support.running import config_for, read_config, running
from tests.support.sockets import completed, socket_to
from translators.asking.parse import ParsedRequest, parse_request
from translators.history import raw_items
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


async def test_r10_a_long_message_is_read_and_remembered_beside_the_event_loop(
    backend: ChatBackend, proxy: LiveProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[tuple[str, bool]] = []

    def note(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def noting(*arguments: Any, **options: Any) -> Any:
            threads.append((name, threading.current_thread().name.startswith("asyncio_")))
            return real(*arguments, **options)

        monkeypatch.setattr(owner, name, noting)

    for name in ("mend", "check_depth", "decode_as"):
        note(responses_socket, name)
    note(recording, "split_items")
    backend.always(json_answer(ANSWER))
    async with socket_to(proxy) as socket:
        for text in ("x", "x" * LONG_BYTES):
            await completed(socket, input=text, store=False)
    steps = ["mend", "check_depth", "decode_as", "decode_as", "split_items"]
    assert threads == [(name, False) for name in steps] + [(name, True) for name in steps]


async def test_a_long_background_response_is_stored_beside_the_event_loop(
    backend: ChatBackend, proxy: LiveProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    real = raw_items.split_input

    def noting(raw: Raw) -> list[Raw]:
        threads.append(threading.current_thread().name)
        return real(raw)

    monkeypatch.setattr(recording, "split_input", noting)
    backend.always(json_answer(ANSWER))
    for text in ("x", "x" * LONG_BYTES):
        run = await proxy.client.responses.create(model="m", input=text, background=True)
        assert (await ended(proxy, run.id)).output_text == "Hello."
    assert [name.startswith("asyncio_") for name in threads] == [False, True]


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
