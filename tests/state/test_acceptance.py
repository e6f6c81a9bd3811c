"""The acceptance tests that the Open Responses specification describes, held against the live server.

Every answer is validated against the specification's own schema. `response-output-phase-schema` is about the schema
alone; the WebSocket's seven are in `test_websocket`, but for the one that needs compaction.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support.chat_backend import ChatBackend, sse_answer
from tests.support.checks import check_events, check_frames
from tests.support.live import LiveProxy, chunk, said
from tests.support.sockets import completed, socket_to

SCHEMA_FILE = Path(__file__).parents[2] / "fixtures" / "open-responses.openapi.json"
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 40).decode()
USER = {"type": "message", "role": "user", "content": "Say hello in exactly 3 words."}

Json = dict[str, Any]


@pytest.fixture(scope="module")
def schemas() -> Json:
    document: Json = json.loads(SCHEMA_FILE.read_text())
    return document


def validate(value: Any, name: str, schemas: Json) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": schemas["components"]}
    jsonschema.Draft202012Validator(schema).validate(value)


CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather at a place",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}


@pytest.mark.parametrize(
    "body",
    [
        {"input": [USER]},
        {
            "input": [
                USER,
                {"type": "message", "role": "assistant", "content": "Let me see.", "phase": "commentary"},
                {"type": "message", "role": "assistant", "content": "Hello my friend.", "phase": "final_answer"},
                {"type": "message", "role": "user", "content": "Again."},
            ]
        },
        {"input": [{"type": "message", "role": "system", "content": "You are a pirate."}, USER]},
        {
            "input": [
                {
                    "type": "message",
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "What is this?"},
                        {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"},
                    ],
                }
            ]
        },
        {"input": [USER, {"type": "message", "role": "assistant", "content": "Hello."}, USER]},
    ],
    ids=["basic-response", "assistant-phase", "system-prompt", "image-input", "multi-turn"],
)
async def test_plain(body: Json, backend: ChatBackend, proxy: LiveProxy, schemas: Json) -> None:
    backend.script(said("Hello my friend"))
    answer = await proxy.http.post("/responses", json={"model": "m", **body})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    response = answer.json()
    validate(response, "ResponseResource", schemas)
    assert (response["status"], bool(response["output"])) == ("completed", True)


async def test_tool_calling(backend: ChatBackend, proxy: LiveProxy, schemas: Json) -> None:
    backend.script(sse_answer([chunk({"tool_calls": [CALL]}), chunk(finish="tool_calls")]))
    body = {"model": "m", "input": [USER], "tools": [WEATHER]}
    response = (await proxy.http.post("/responses", json=body)).json()
    validate(response, "ResponseResource", schemas)
    assert [item["type"] for item in response["output"]] == ["function_call"]


async def test_streaming_response(backend: ChatBackend, proxy: LiveProxy, schemas: Json) -> None:
    backend.script(said("Hello", " my", " friend"))
    answer = await proxy.http.post("/responses", json={"model": "m", "input": [USER], "stream": True})
    assert answer.content.endswith(b"data: [DONE]\n\n")
    events = check_frames(answer.content)
    check_events(events)
    validate(events[-1]["response"], "ResponseResource", schemas)
    assert events[-1]["response"]["status"] == "completed"


def test_response_output_phase_schema(schemas: Json) -> None:
    message = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": []}
    for phase in ("commentary", "final_answer"):
        validate({**message, "phase": phase}, "Message", schemas)


async def test_compact_response_and_a_new_chain_over_a_websocket(
    backend: ChatBackend, proxy: LiveProxy, schemas: Json
) -> None:
    backend.script(said("They greeted."), said("Fine."))
    assistant = {"type": "message", "role": "assistant", "content": "Hello."}
    body = {"model": "m", "prompt_cache_key": "k", "input": [USER, assistant]}
    answer = await proxy.http.post("/responses/compact", json=body)
    assert answer.status_code == 200
    compacted = answer.json()
    validate(compacted, "CompactResource", schemas)
    assert compacted["object"] == "response.compaction"
    assert "compaction" in [item["type"] for item in compacted["output"]]
    async with socket_to(proxy) as socket:
        response = await completed(socket, input=[*compacted["output"], USER], tools=[], store=False)
        validate(response, "ResponseResource", schemas)


async def test_compact_missing_model(proxy: LiveProxy) -> None:
    assert (await proxy.http.post("/responses/compact", json={"input": "x"})).status_code == 400
