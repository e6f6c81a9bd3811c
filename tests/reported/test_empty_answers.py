"""An answer that is a mere thought, or nothing at all, is asked for again and never a silent success."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.asked import SPOKEN, USAGE, asked, of
from tests.support.chat_backend import Answer, json_answer, sse_answer
from tests.support.checks import check_response
from tests.support.drive import call, delta

Json = dict[str, Any]
THOUGHT = sse_answer([delta(reasoning_content="hm"), delta("stop"), USAGE])
NOTHING = sse_answer([delta(content=""), delta("stop"), USAGE])
REFUSAL = json_answer({"error": {"message": "no"}}, status=500)


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
