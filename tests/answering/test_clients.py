"""A9, A10: refusals that Codex can show, and thoughts in the form that a client shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.chat_backend import ChatBackend, sse_answer
from tests.support.checks import check_events, check_frames
from tests.support.drive import Stream, answer, delta
from tests.support.live import USAGE, chunk
from tests.support.running import config_for, read_config, running

Json = dict[str, Any]
COUNTED = chunk(choices=[], usage=USAGE)
REFUSED = sse_answer([chunk({"refusal": "I can"}), chunk({"refusal": "not."}), chunk(finish="stop"), COUNTED])
THOUGHT = sse_answer([chunk({"reasoning": "hm"}), chunk({"content": "a"}), chunk(finish="stop"), COUNTED])
FORMAT: Json = {"format": {"type": "json_schema", "name": "s", "schema": {"type": "object"}}}


async def output(tmp_path: Path, said: Any, headers: dict[str, str], request: Json, **model: Any) -> list[Json]:
    async with ChatBackend() as backend:
        backend.script(said)
        settings = config_for(backend)
        settings["models"]["m"] |= model
        async with (
            running(read_config(settings, tmp_path)) as url,
            httpx2.AsyncClient(base_url=url, timeout=60) as http,
        ):
            body = {"model": "m", "input": "go", "stream": True, **request}
            found = await http.post("/v1/responses", json=body, headers=headers)
    items: list[Json] = check_events(check_frames(found.content))["output"]
    return items


@pytest.mark.parametrize(
    ("headers", "part"),
    [
        ({"originator": "codex_exec"}, "output_text"),
        ({"originator": "Codex Desktop"}, "output_text"),
        ({"user-agent": "codex_cli_rs/0.171.0 (Debian)"}, "output_text"),
        ({"x-codex-turn-metadata": "{}"}, "output_text"),
        ({"user-agent": "OpenAI/Python"}, "refusal"),
    ],
)
async def test_a9_codex_gets_refusals_as_text(tmp_path: Path, headers: dict[str, str], part: str) -> None:
    [message] = await output(tmp_path, REFUSED, headers, {"text": FORMAT})
    [said] = message["content"]
    assert said["type"] == part
    assert said.get("text", said.get("refusal")) == "I cannot."


@pytest.mark.parametrize(
    ("thoughts", "reasoning", "form"),
    [
        (None, None, "content"),
        (None, {"summary": "auto"}, "summary"),
        ("as_asked", {"summary": "auto"}, "summary"),
        ("summary", None, "summary"),
        ("content", {"summary": "auto"}, "content"),
    ],
)
async def test_a10_thoughts_go_out_as_the_model_s_entry_says(
    tmp_path: Path, thoughts: str | None, reasoning: Json | None, form: str
) -> None:
    request = {} if reasoning is None else {"reasoning": reasoning}
    model = {} if thoughts is None else {"thoughts": thoughts}
    thought, _ = await output(tmp_path, THOUGHT, {}, request, **model)
    assert [part["text"] for part in thought[form]] == ["hm"]
    assert not thought.get("summary" if form == "content" else "content")


def test_a_refusal_is_the_same_for_all_others() -> None:
    assert answer({}, delta("stop", refusal="no")).output[0]["content"] == [{"type": "refusal", "refusal": "no"}]
    assert Stream({}).inner.response.status == "in_progress"
