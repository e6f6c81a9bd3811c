"""Attempts as clients meet them, over real sockets."""

from __future__ import annotations

import asyncio
import re
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


IN_STREAM: Json = {"error": {"message": "Unsupported parameter: 'temperature'", "param": "temperature", "code": 400}}


@pytest.mark.parametrize("stream", [True, False])
async def test_a_refusal_within_a_stream_is_gone_by_before_its_first_content(tmp_path: Path, stream: bool) -> None:
    """OpenRouter begins with 200 and comments while it looks for a provider, and puts the refusal into the stream."""
    async with ChatBackend() as backend:
        config = read_config(config_for(backend), tmp_path)
        async with running(config) as url, httpx2.AsyncClient(base_url=url, verify=False) as client:
            backend.script(sse_answer([b": PROCESSING\n\n", IN_STREAM]), sse_answer(CHUNKS), sse_answer(CHUNKS))
            answers = [await client.post("/v1/responses", json={**BODY, "stream": stream}) for _ in range(2)]
        assert ["temperature" in request.json for request in backend.requests] == [True, False, False]
    first = answers[0]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert "Hello." in first.text
    assert "failed" not in first.text
    if stream:
        assert first.text.count("event: response.created") == 1
        assert "changed temperature" in first.text.rpartition(": x-dragoman-adapted: ")[2]
        numbers = [int(number) for number in re.findall(r'"sequence_number":(\d+)', first.text)]
        assert numbers == list(range(len(numbers)))
    else:
        assert "changed temperature" in first.headers["x-dragoman-adapted"]


async def test_nothing_moves_behind_the_first_content(tmp_path: Path) -> None:
    async with ChatBackend() as backend:
        config = read_config(config_for(backend), tmp_path)
        async with running(config) as url, httpx2.AsyncClient(base_url=url, verify=False) as client:
            backend.script(sse_answer([CHUNKS[0], IN_STREAM]))
            answer = await client.post("/v1/responses", json=BODY)
        assert len(backend.requests) == 1
    assert "event: response.failed" in answer.text


async def test_an_attempt_that_is_refused_in_the_end_fails_the_stream_in_its_own_words(tmp_path: Path) -> None:
    async with ChatBackend() as backend:
        config = read_config(config_for(backend), tmp_path)
        async with running(config) as url, httpx2.AsyncClient(base_url=url, verify=False) as client:
            later = json_answer({"error": {"message": "No provider is left."}}, status=503)
            backend.script(sse_answer([IN_STREAM]), later)
            answer = await client.post("/v1/responses", json=BODY)
            page = (await client.get("/metrics")).text
        assert len(backend.requests) == 2
    assert answer.text.count("event: response.failed") == 1
    assert "No provider is left." in answer.text
    assert "dragoman_lessons{" not in page
