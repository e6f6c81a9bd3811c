"""Attempts as clients meet them, over real sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import pytest

from tests.support.chat_backend import Answer, ChatBackend, Request, json_answer, silence, sse_answer
from tests.support.checks import check_events, check_frames
from tests.support.running import config_for, read_config, running
from tests.support.translation import Json

BODY: Json = {"model": "m", "input": "hi", "temperature": 0.5, "stream": True}
CHUNKS: list[Json] = [
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hello."}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
]
REFUSAL: Json = {"error": {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}}


async def test_a_stream_that_has_begun_goes_on_with_the_second_attempt(tmp_path: Path) -> None:
    """The first is refused after the client has its head and first events: it hears of one answer, and what was left
    out of the question is told at the end."""
    told = asyncio.Event()
    refused = json_answer(REFUSAL, status=400, hold_head=told)
    async with ChatBackend() as backend:
        config = read_config(config_for(backend, server={"keep_alive_seconds": 0.02}), tmp_path)
        async with running(config) as url, httpx2.AsyncClient(base_url=url, verify=False) as client:
            backend.script(refused, sse_answer(CHUNKS))
            text = ""
            async with client.stream("POST", "/v1/responses", json=BODY) as answer:
                async for piece in answer.aiter_text():
                    text += piece
                    if "response.in_progress" in text:
                        told.set()
            assert answer.status_code == 200
            assert "changed temperature" not in answer.headers.get("x-dragoman-adapted", "")
        assert ["temperature" in request.json for request in backend.requests] == [True, False]
    assert text.count("event: response.created") == 1
    assert text.count("event: response.completed") == 1
    assert "event: response.failed" not in text
    assert ": x-dragoman-adapted: " in text
    assert "changed temperature" in text.rpartition(": x-dragoman-adapted: ")[2]


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_refusal_that_a_stream_tells_is_learned_from_as_long_as_nothing_was_said(
    tmp_path: Path, streamed: bool
) -> None:
    begun: Json = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}
    late: list[Json] = [begun, {"error": REFUSAL["error"] | {"code": 400}}]
    async with ChatBackend() as backend:
        config = read_config(config_for(backend), tmp_path)
        async with running(config) as url, httpx2.AsyncClient(base_url=url, verify=False) as client:
            backend.script(sse_answer(late), sse_answer(CHUNKS))
            answer = await client.post("/v1/responses", json={**BODY, "stream": streamed})
        assert ["temperature" in request.json for request in backend.requests] == [True, False]
    if streamed:
        assert check_events(check_frames(answer.content))["status"] == "completed"
    else:
        assert answer.json()["output"][0]["content"][0]["text"] == "Hello."
    assert "changed temperature" in answer.headers.get("x-dragoman-adapted", "") + answer.text


@pytest.mark.parametrize("first", [[], [CHUNKS[0]]], ids=["nothing said", "a word said"])
async def test_a_failure_that_teaches_nothing_is_told_once(tmp_path: Path, first: list[Json]) -> None:
    error = REFUSAL if first else {"error": {"message": "The GPU fell out."}}
    async with ChatBackend() as backend:
        config = read_config(config_for(backend), tmp_path)
        async with running(config) as url, httpx2.AsyncClient(base_url=url, verify=False) as client:
            backend.script(sse_answer([*first, error]))
            answer = await client.post("/v1/responses", json=BODY)
        assert len(backend.requests) == 1
    response = check_events(check_frames(answer.content))
    assert response["status"] == "failed"
    assert error["error"]["message"] in response["error"]["message"]


async def test_a_client_that_leaves_between_attempts_ends_the_second(tmp_path: Path) -> None:
    asked = asyncio.Event()

    def second(request: Request) -> Answer:
        asked.set()
        return silence()

    async with ChatBackend() as backend:
        config = read_config(config_for(backend), tmp_path)
        async with running(config) as url, httpx2.AsyncClient(base_url=url, verify=False) as client:
            backend.script(json_answer(REFUSAL, status=400), second, json_answer(REFUSAL, status=500))
            request = asyncio.create_task(client.post("/v1/responses", json={**BODY, "stream": False}))
            await asked.wait()
            request.cancel()
            await backend.closed()
            await client.post("/v1/responses", json={**BODY, "stream": False})
            page = (await client.get("/metrics")).text
        assert ["temperature" in request.json for request in backend.requests] == [True, False, True]
    assert 'dragoman_upstream_under_way{upstream="scripted",' in page
    assert 'dragoman_upstream_requests_total{upstream="scripted",code="left",' in page
    assert "dragoman_lessons{" not in page
