"""What APIYi's page documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.standing_in.conftest import standing_in
from tests.support.chat_backend import ChatBackend, json_answer
from tests.support.live import said

NESTED: Any = {
    "type": "function",
    "function": {"name": "look_up", "description": "Looks up.", "parameters": {"type": "object", "properties": {}}},
}
# Every field of the response object on its page.
FIELDS = (
    *("id", "object", "created_at", "status", "background", "error", "incomplete_details", "instructions", "model"),
    *("max_output_tokens", "max_tool_calls", "output", "parallel_tool_calls", "previous_response_id", "reasoning"),
    *("prompt_cache_key", "safety_identifier", "service_tier", "store", "temperature", "text", "tool_choice", "tools"),
    *("top_logprobs", "top_p", "truncation", "usage", "user", "metadata"),
)


async def test_the_whole_response_object(backend: ChatBackend, tmp_path: Path) -> None:
    backend.always(said("Yes."))
    async with standing_in("APIYi", backend, tmp_path) as proxy:
        body = {"model": "gpt-x", "input": "Hi", "reasoning": {"effort": "low"}, "tools": [NESTED]}
        answer = (await proxy.http.post("/responses", json=body)).json()
    assert [field for field in FIELDS if field not in answer] == []
    assert answer["tools"] == [{"type": "function", "strict": None, **NESTED["function"]}]
    assert backend.requests[-1].json["tools"][0]["function"]["name"] == "look_up"


async def test_each_turn_has_its_own_instructions(backend: ChatBackend, tmp_path: Path) -> None:
    backend.always(said("Yes."))
    async with standing_in("APIYi", backend, tmp_path) as proxy:
        create = proxy.client.responses.create
        first = await create(model="gpt-x", input="One", instructions="Speak French.")
        await create(model="gpt-x", input="Two", instructions="Speak Dutch.", previous_response_id=first.id)
    spoken = [message["content"] for message in backend.requests[-1].json["messages"]]
    assert spoken == ["Speak Dutch.", "One", "Yes.", "Two"]


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"model": "claude", "input": "Hi"}, "model_not_supported", "model"),
        (
            {"model": "gpt-x", "input": "Hi", "previous_response_id": "resp_no"},
            "invalid_previous_response_id",
            "previous_response_id",
        ),
        ({"model": "gpt-x", "input": "too long"}, "max_tokens_exceeded", None),
        (
            {"model": "gpt-x", "input": "Hi", "tools": [{"type": "web_search"}], "tool_choice": {"type": "web_search"}},
            "tool_not_available",
            "tool_choice.type",
        ),
    ],
)
async def test_its_error_codes(
    backend: ChatBackend, tmp_path: Path, body: dict[str, Any], code: str, param: str | None
) -> None:
    refusal = {"message": "maximum context length is 10 tokens", "code": "context_length_exceeded"}
    backend.always(json_answer({"error": refusal}, status=400))
    async with standing_in("APIYi", backend, tmp_path) as proxy:
        refused = (await proxy.http.post("/responses", json=body)).json()["error"]
    assert (refused["code"], refused["param"], refused["type"]) == (code, param, "invalid_request_error")
