"""What Bella's page documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.standing_in.conftest import standing_in
from tests.support.chat_backend import ChatBackend
from tests.support.live import said


async def test_a_stored_response_names_its_conversation(backend: ChatBackend, tmp_path: Path) -> None:
    backend.always(said("Fine."))
    async with standing_in("Bella", backend, tmp_path) as proxy:
        create, items = proxy.client.responses.create, proxy.client.conversations.items.list
        first = await create(model="m", input="One", store=True)
        name = first.conversation.id
        assert (await proxy.client.responses.retrieve(first.id)).conversation.id == name
        second = await create(model="m", input="Two", conversation=name)
        assert second.conversation.id == name
        third = await create(model="m", input="Three", previous_response_id=second.id)
        assert third.conversation.id == name, "it is the next in its parent's conversation"
        said_there = [item.content[0].text async for item in await items(name, order="asc")]
        assert said_there == ["One", "Fine.", "Two", "Fine.", "Three", "Fine."]
        # A branch is a conversation of its own, with what it goes on from.
        branch = await create(model="m", input="Other", previous_response_id=first.id)
        assert branch.conversation.id != name
        branched = [item.content[0].text async for item in await items(branch.conversation.id, order="asc")]
        assert branched == ["One", "Fine.", "Other", "Fine."]
        again = await create(model="m", input="And?", conversation=branch.conversation.id)
    spoken = [message["content"] for message in backend.requests[-1].json["messages"]]
    assert spoken == ["One", "Fine.", "Other", "Fine.", "And?"]
    assert again.output_text == "Fine."


@pytest.mark.parametrize("stream", [False, True])
async def test_background_names_one_that_is_there(backend: ChatBackend, tmp_path: Path, stream: bool) -> None:
    backend.always(said("Fine."))
    async with standing_in("Bella", backend, tmp_path) as proxy:
        made = await proxy.client.responses.create(model="m", input="One", background=True, stream=stream)
        if stream:
            made = [event async for event in made][-1].response
        assert (await proxy.client.conversations.retrieve(made.conversation.id)).object == "conversation"


async def test_an_unstored_response_names_none(backend: ChatBackend, tmp_path: Path) -> None:
    backend.always(said("Fine."))
    async with standing_in("Bella", backend, tmp_path) as proxy:
        stored = await proxy.client.responses.create(model="m", input="One")
        unstored = await proxy.http.post("/responses", json={"model": "m", "input": "Two", "store": False})
        assert unstored.json().get("conversation") is None
        gone = await proxy.http.get(f"/responses/{unstored.json()['id']}")
        assert gone.status_code == 404
        for named in ({"previous_response_id": stored.id}, {"conversation": stored.conversation.id}):
            body = {"model": "m", "input": "Two", "store": False, **named}
            refused = await proxy.http.post("/responses", json=body)
            assert refused.status_code == 400
            assert refused.json()["error"]["param"] == next(iter(named))


async def test_a_failed_request_leaves_no_conversation(backend: ChatBackend, tmp_path: Path) -> None:
    async with standing_in("Bella", backend, tmp_path) as proxy:
        refused = await proxy.http.post("/responses", json={"model": "m", "input": [{"type": "message", "role": "x"}]})
        assert refused.status_code == 400


async def test_its_forms_of_items_and_formats(backend: ChatBackend, tmp_path: Path) -> None:
    backend.always(said('{"a": 1}'))
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    parts: list[dict[str, Any]] = [
        {"type": "input_text", "text": "Look and listen."},
        {"type": "input_image", "image_url": "data:image;base64,iVBORw0KGgo="},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    ]
    body = {
        "model": "m",
        "input": [
            {"role": "user", "content": parts},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed"},
            {"type": "function_call_output", "call_id": "c", "output": "done", "status": "completed"},
        ],
        "text": {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}},
        "tools": [
            {"type": "custom", "name": "plain", "format": {"type": "text"}},
            {
                "type": "custom",
                "name": "by_regex",
                "format": {"type": "grammar", "syntax": "regex", "definition": "a+"},
            },
            {
                "type": "custom",
                "name": "by_lark",
                "format": {"type": "grammar", "syntax": "lark", "definition": 'start: "a"'},
            },
            {"type": "web_search_preview"},
            {"type": "mcp", "server_label": "x", "server_url": "https://mcp.example/", "require_approval": "always"},
        ],
    }
    async with standing_in("Bella", backend, tmp_path) as proxy:
        answer = await proxy.http.post("/responses", json=body)
        assert answer.status_code == 200, answer.text
    [asked] = [request.json for request in backend.requests if request.path.endswith("/chat/completions")]
    user = asked["messages"][0]["content"]
    assert [part["type"] for part in user] == ["text", "image_url", "input_audio"]
    assert user[1]["image_url"]["url"].startswith("data:image/")
    assert asked["response_format"]["json_schema"]["schema"]["required"] == ["a"]
    assert [tool["function"]["name"] for tool in asked["tools"]] == ["plain", "by_regex", "by_lark"]
    assert "tools" in answer.headers["x-dragoman-adapted"]
