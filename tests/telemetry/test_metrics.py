"""`GET /metrics`: one count a response, labels that no client can multiply, for whoever has a key."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx2

from proxy.telemetry.metrics import Metrics
from tests.support.chat_backend import ChatBackend, json_answer, sse_answer
from tests.support.running import config_for, read_config, running
from translators.answering.stream import ResponseStream
from translators.asking.parse import parse_request
from translators.asking.translate import Settings, to_chat
from translators.dialects import Dialect
from translators.report import Adaptation

Json = dict[str, Any]
USAGE: Json = {
    "prompt_tokens": 7,
    "completion_tokens": 5,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
CHOICE: Json = {"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}
COMPLETION: Json = {"choices": [CHOICE], "usage": USAGE}
CHUNKS: list[Json] = [
    {"choices": [{"index": 0, "delta": {"content": "Hel"}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]},
    {"choices": [], "usage": USAGE},
]


def counts(page: str) -> dict[str, int]:
    """`name{label="value",…}` without the process → count."""
    found = re.findall(r'^(\w+\{.*),process="\d+"\} (\d+)$', page, re.MULTILINE)
    return {f"{name}}}": int(count) for name, count in found}


async def test_every_response_is_counted_once(tmp_path: Path) -> None:
    async with (
        ChatBackend() as backend,
        running(read_config(config_for(backend), tmp_path)) as url,
        httpx2.AsyncClient(base_url=url, timeout=60, verify=False) as http,
    ):
        backend.script(
            json_answer(COMPLETION), sse_answer(CHUNKS), json_answer({"error": {"message": "no"}}, status=403)
        )
        asked: Json = {"model": "m", "input": "hi", "user": "u", "made_up": 1, "top_k": 2}
        for stream in (False, True, False):
            await http.post("/v1/responses", json=asked | {"stream": stream})
        backend.script(sse_answer([CHUNKS[0], asyncio.Event()]))
        async with http.stream("POST", "/v1/responses", json=asked | {"stream": True}) as answer:
            await anext(answer.aiter_raw())
        await backend.closed(1)
        answer = await http.get("/metrics")
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert counts(answer.text) == {
            'dragoman_requests_total{kind="request",route="/v1/responses",status="200"}': 3,
            'dragoman_requests_total{kind="request",route="/v1/responses",status="403"}': 1,
            'dragoman_under_way{kind="request"}': 1,
            'dragoman_responses_total{upstream="scripted",status="abandoned"}': 1,
            'dragoman_responses_total{upstream="scripted",status="completed"}': 1,
            'dragoman_responses_total{upstream="scripted",status="incomplete"}': 1,
            'dragoman_responses_total{upstream="scripted",status="refused"}': 1,
            'dragoman_tokens_total{upstream="scripted",kind="cached_input"}': 6,
            'dragoman_tokens_total{upstream="scripted",kind="input"}': 14,
            'dragoman_tokens_total{upstream="scripted",kind="output"}': 10,
            'dragoman_tokens_total{upstream="scripted",kind="reasoning"}': 4,
            'dragoman_adaptations_total{upstream="scripted",action="dropped",about="other"}': 8,
            'dragoman_adaptations_total{upstream="scripted",action="ignored",about="user"}': 4,
            'dragoman_upstream_requests_total{upstream="scripted",code="200"}': 3,
            'dragoman_upstream_requests_total{upstream="scripted",code="403"}': 1,
            'dragoman_upstream_under_way{upstream="scripted"}': 0,
            'dragoman_upstream_failures_in_a_row{upstream="scripted"}': 0,
        }


async def test_background_and_compaction(tmp_path: Path) -> None:
    async with (
        ChatBackend() as backend,
        running(read_config(config_for(backend), tmp_path)) as url,
        httpx2.AsyncClient(base_url=url, timeout=60, verify=False) as http,
    ):
        backend.always(json_answer(COMPLETION))
        asked: Json = {"model": "m", "input": "hi"}
        started = (await http.post("/v1/responses", json=asked | {"background": True, "stream": True})).text
        assert "response.completed" in started
        await http.post("/v1/responses/compact", json=asked)
        await http.post("/v1/responses/input_tokens", json=asked)
        found = counts((await http.get("/metrics")).text)
        # The count of tokens is asked for with a request of its own, where the upstream cannot count.
        assert found['dragoman_responses_total{upstream="scripted",status="completed"}'] == 3


async def test_only_with_a_key_and_only_where_wanted(tmp_path: Path) -> None:
    for server, status in (({"api_keys": ["secret"]}, 200), ({"api_keys": ["secret"], "metrics": False}, 404)):
        async with (
            ChatBackend() as backend,
            running(read_config(config_for(backend, server=server), tmp_path)) as url,
            httpx2.AsyncClient(base_url=url, timeout=60, verify=False) as http,
        ):
            assert (await http.get("/metrics")).status_code == 401
            assert (await http.get("/metrics", headers={"authorization": "Bearer secret"})).status_code == status


def test_labels_are_bounded_and_escaped() -> None:
    metrics = Metrics()
    request = parse_request(b'{"model": "m", "input": "hi"}')
    translation = to_chat(request, Dialect(), Settings(model="m"))
    response = ResponseStream(translation, new_id=lambda prefix: prefix, created_at=0).response
    params = ["input[3].content[0].detail", "input[4]", "messages[].role", "tools.my_tool", "", "a\nb", "x" * 999, "é"]
    for number in range(1000):
        named = [Adaptation("changed", param, "r") for param in [*params, f"made_up_{number}"]]
        metrics.count('a "name"\\\n', "completed", response, named)
    lines = [line for line in metrics.page().decode().splitlines() if not line.startswith("#")]
    about = {found[1] for line in lines if (found := re.search('about="(.*?)"', line))}
    assert about == {"input", "messages", "tools", "other"}
    assert all(line.split("{")[1].startswith(r'upstream="a \"name\"\\\n",') for line in lines)
