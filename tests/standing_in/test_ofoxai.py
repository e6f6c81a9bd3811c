"""What OfoxAI's page documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.standing_in.conftest import standing_in
from tests.support.chat_backend import ChatBackend, json_answer
from tests.support.checks import check_frames
from tests.support.live import chunk, said

PIXEL = "data:image/png;base64,iVBORw0KGgo="
TOOL: Any = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}
HISTORY: list[dict[str, Any]] = [
    {
        "role": "user",
        "content": [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": PIXEL}],
    },
    {
        "type": "message",
        "id": "msg_1",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "A pixel.", "annotations": []}],
    },
    {"role": "user", "content": "And the weather?"},
    {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "get_weather", "arguments": "{}"},
    {"type": "function_call_output", "id": "fco_1", "call_id": "call_1", "output": "Sunny."},
]


async def test_a_whole_history_in_each_request(backend: ChatBackend, tmp_path: Path) -> None:
    backend.always(said("It is sunny."))
    body = {
        "model": "any",
        "input": HISTORY,
        "instructions": "Be brief.",
        "tools": [TOOL],
        "tool_choice": {"type": "function", "name": "get_weather"},
        "truncation": "auto",
        "metadata": {"a": "b"},
        "provider": {"routing": {"order": ["x"]}, "fallback": ["other"]},
        "max_output_tokens": 100,
        "stream": True,
    }
    async with standing_in("OfoxAI", backend, tmp_path) as proxy:
        answer = await proxy.http.post("/responses", json=body)
    events = check_frames(answer.content)
    assert [event["type"] for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert answer.content.endswith(b"data: [DONE]\n\n")
    assert "dropped provider" in answer.headers["x-dragoman-adapted"]
    [asked] = [request.json for request in backend.requests if request.path.endswith("/chat/completions")]
    roles = [message["role"] for message in asked["messages"]]
    assert roles == ["system", "user", "assistant", "user", "assistant", "tool"]
    assert asked["tool_choice"] == {"type": "function", "function": {"name": "get_weather"}}


async def test_calls_arrive_as_its_page_says(backend: ChatBackend, tmp_path: Path) -> None:
    call = {"index": 0, "id": "call_9", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    whole = chunk(finish="tool_calls")
    whole["choices"][0] = {
        "index": 0,
        "message": {"role": "assistant", "content": None, "tool_calls": [call]},
        "finish_reason": "tool_calls",
    }
    backend.always(json_answer({**whole, "object": "chat.completion"}))
    async with standing_in("OfoxAI", backend, tmp_path) as proxy:
        body = {"model": "any", "input": "Weather?", "tools": [TOOL], "stream": True}
        events = check_frames((await proxy.http.post("/responses", json=body)).content)
    kinds = [event["type"] for event in events]
    assert kinds.index("response.function_call_arguments.delta") < kinds.index("response.function_call_arguments.done")
