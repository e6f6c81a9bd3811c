"""An answer that is a mere thought, or nothing at all, is asked for again and never a silent success."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.reported.drive import WEATHER, call, delta
from tests.support.chat_backend import Answer, ChatBackend, json_answer, sse_answer
from tests.support.checks import check_events, check_frames, check_response
from tests.support.running import config_for, read_config, running

Json = dict[str, Any]
USAGE: Json = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}
THOUGHT = sse_answer([delta(reasoning_content="hm"), delta("stop"), USAGE])
NOTHING = sse_answer([delta(content=""), delta("stop"), USAGE])
SPOKEN = sse_answer([delta(reasoning_content="ah"), delta(content="Yes."), delta("stop"), USAGE])
REFUSAL = json_answer({"error": {"message": "no"}}, status=500)


@contextlib.asynccontextmanager
async def asked(
    tmp_path: Path, *answers: Answer, stream: bool = True, **model: Any
) -> AsyncIterator[tuple[httpx2.Response, list[Json]]]:
    """What the client gets, and the requests that the upstream got."""
    async with ChatBackend() as backend:
        backend.script(*answers)
        settings = config_for(backend)
        settings["models"]["m"] |= model
        async with (
            running(read_config(settings, tmp_path)) as url,
            httpx2.AsyncClient(base_url=url, timeout=60) as http,
        ):
            body = {"model": "m", "input": "go", "stream": stream, "tools": [WEATHER]}
            answer = await http.post("/v1/responses", json=body)
        yield answer, [request.json for request in backend.requests]


def of(answer: httpx2.Response) -> Json:
    return check_events(check_frames(answer.content))


@pytest.mark.parametrize(
    ("first", "items"), [(THOUGHT, ["reasoning", "reasoning", "message"]), (NOTHING, ["reasoning", "message"])]
)
async def test_r19_the_same_is_asked_again(tmp_path: Path, first: Answer, items: list[str]) -> None:
    async with asked(tmp_path, first, SPOKEN) as (answer, requests):
        response = of(answer)
        assert response["status"] == "completed"
        assert [item["type"] for item in response["output"]] == items
        assert {item["status"] for item in response["output"]} == {"completed"}
        assert response["usage"]["total_tokens"] == 10
        assert requests[0] == requests[1]


@pytest.mark.parametrize("answers", [(THOUGHT, THOUGHT), (NOTHING, NOTHING), (THOUGHT, REFUSAL)])
async def test_r19_an_answer_that_stays_empty_has_failed(tmp_path: Path, answers: tuple[Answer, ...]) -> None:
    async with asked(tmp_path, *answers) as (answer, requests):
        assert of(answer)["error"] == {"code": "empty_answer", "message": "The model gave neither text nor a call."}
        assert len(requests) == 2


async def test_r19_a_whole_answer_is_asked_for_again_too(tmp_path: Path) -> None:
    message = {"role": "assistant", "content": None, "reasoning_content": "hm"}
    empty = json_answer({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    spoken = json_answer({"choices": [{"index": 0, "message": {**message, "content": "a"}, "finish_reason": "stop"}]})
    async with asked(tmp_path, empty, spoken, stream=False) as (answer, _):
        check_response(answer.json())
        assert answer.json()["output"][-1]["content"][0]["text"] == "a"
    async with asked(tmp_path, empty, empty, stream=False) as (answer, _):
        assert answer.status_code == 502
        assert answer.json()["error"]["code"] == "empty_answer"


async def test_r19_without_retries_it_stands_as_it_is(tmp_path: Path) -> None:
    async with asked(tmp_path, THOUGHT, empty_retries=0) as (answer, requests):
        assert of(answer)["status"] == "completed"
        assert len(requests) == 1


@pytest.mark.parametrize(
    "chunks",
    [[delta(reasoning_content="hm"), delta("length")], [call("{}"), delta("stop")], [delta("stop", refusal="no")]],
)
async def test_r19_what_was_cut_or_calls_or_refuses_is_an_answer(tmp_path: Path, chunks: list[Json]) -> None:
    async with asked(tmp_path, sse_answer([*chunks, USAGE])) as (answer, requests):
        assert of(answer)["status"] in ("completed", "incomplete")
        assert len(requests) == 1
