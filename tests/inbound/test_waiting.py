"""All that arrives or waits in a process is bounded together, and fairly (`server.max_waiting_bytes`)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive

from proxy.inbound.body import BodyLimits, read_request
from proxy.inbound.waiting import Share, WaitingBytes
from tests.support.chat_backend import ChatBackend, json_answer
from tests.support.running import config_for, read_config, running
from translators.errors import BridgeError

LIMIT = 1000
ANSWER = {"choices": [{"index": 0, "message": {"content": "Hello."}, "finish_reason": "stop"}]}


def arriving(pieces: Iterable[bytes]) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages[-1]["more_body"] = False

    async def receive() -> Message:
        return messages.pop(0)

    return receive


async def test_who_sends_more_than_a_share_is_refused_and_others_are_not() -> None:
    waiting = WaitingBytes(LIMIT)
    limits = BodyLimits(bytes=10 * LIMIT, depth=10, waiting=waiting)
    with Share(waiting) as other:
        other.add(900)
        with pytest.raises(BridgeError) as refused:
            await read_request(arriving([b"x" * 300] * 4), limits, {})
        assert (refused.value.status, refused.value.code, refused.value.retry_after) == (503, "server_overloaded", "5")
        assert f"{LIMIT} bytes" in refused.value.message
        assert "(server.max_waiting_bytes)" in refused.value.message
        assert waiting.bytes == 900
        assert len(await read_request(arriving([b"x" * 100] * 4), limits, {})) == 400
        assert len(await read_request(arriving([b"x" * 5000]), limits, {})) == 5000  # it is there
    assert (waiting.bytes, waiting.shares) == (0, 0)
    assert len(await read_request(arriving([b"x" * 100] * 9), limits, {})) == 900


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 400))))
def test_twice_the_limit_is_about_the_most(steps: list[tuple[int, int]]) -> None:
    waiting = WaitingBytes(LIMIT)
    shares: dict[int, Share] = {}
    for who, count in steps:
        share = shares.setdefault(who, Share(waiting))
        share.add(count)
        if share.is_over:
            share.__exit__(None, None, None)
            del shares[who]
    assert waiting.bytes <= 2 * LIMIT + 400
    assert waiting.shares == len(shares)
    for share in shares.values():
        share.__exit__(None, None, None)
    assert (waiting.bytes, waiting.shares) == (0, 0)


async def test_bodies_that_never_end_are_refused_over_a_socket(tmp_path: Path) -> None:
    """Sixty-four connections that each stop before the last byte of 64 MiB held four gigabytes."""
    body = json.dumps({"model": "m", "input": "x" * 150_000}).encode()
    fields = b"host: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    async with ChatBackend() as backend:
        backend.always(json_answer(ANSWER))
        config = read_config(config_for(backend, server={"max_waiting_bytes": 200_000}), tmp_path)
        async with running(config) as url, httpx2.AsyncClient(base_url=url, timeout=60, verify=False) as http:
            port = int(url.rpartition(":")[2])
            open_ones = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
            for _, writer in open_ones:
                writer.write(b"POST /v1/responses HTTP/1.1\r\n" + fields + body[:-1])
            readings = [asyncio.create_task(reader.readline()) for reader, _ in open_ones]
            done, _ = await asyncio.wait(readings, return_when=asyncio.FIRST_COMPLETED)
            assert done.pop().result() == b"HTTP/1.1 503 Service Unavailable\r\n"
            assert (await http.post("/v1/responses", json={"model": "m", "input": "x"})).status_code == 200
            for task in readings:
                task.cancel()
            for _, writer in open_ones:
                writer.close()
            await asyncio.gather(*readings, return_exceptions=True)
