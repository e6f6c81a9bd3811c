"""`asked(folder, *answers)`: one request through a proxy of its own, before an upstream that gives these answers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2

from tests.support.chat_backend import Answer, ChatBackend, sse_answer
from tests.support.checks import check_events, check_frames
from tests.support.drive import WEATHER, delta
from tests.support.running import config_for, read_config, running

Json = dict[str, Any]
USAGE: Json = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}
SPOKEN = sse_answer([delta(reasoning_content="ah"), delta(content="Yes."), delta("stop"), USAGE])


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
