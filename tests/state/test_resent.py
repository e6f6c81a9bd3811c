"""Clients that send again what a stored response holds: ids, outputs and questions."""

from __future__ import annotations

from typing import Any

import pytest
from openai import BadRequestError

from tests.support.chat_backend import ChatBackend, sse_answer
from tests.support.live import LiveProxy, chunk, said

Json = dict[str, Any]
TOOLS: Any = [
    {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False},
]
QUESTION = {"role": "user", "content": "Go"}
ANSWERED = [
    QUESTION,
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "call_q", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "call_q", "content": "66"},
]


def calls(call_id: str) -> Any:
    call = {"index": 0, "id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    return sse_answer([chunk({"tool_calls": [call]}), chunk(finish="tool_calls")])


def returned(call_id: str, output: str) -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


async def create(proxy: LiveProxy, **request: Any) -> Any:
    return await proxy.client.responses.create(**{"model": "m", "tools": TOOLS, **request})


async def test_c6_an_item_sent_again_is_the_one_that_is_there(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(calls("call_q"), said("Done"), said("More"))
    first = await create(proxy, input=[{**QUESTION, "id": "msg_mine"}])
    [call] = [item.to_dict() for item in first.output]
    items = [{**QUESTION, "id": "msg_mine"}, call, returned("call_q", "66")]
    second = await proxy.client.responses.with_raw_response.create(
        model="m", tools=TOOLS, input=items, previous_response_id=first.id
    )
    assert backend.requests[1].json["messages"] == ANSWERED
    assert "input[1]" in second.headers["x-dragoman-adapted"]
    # What was left out is in no later turn either.
    answer = second.parse()
    listed = await proxy.client.responses.input_items.list(answer.id)
    assert sorted(item.type for item in listed.data) == ["function_call", "function_call_output", "message"]
    again = [*items, answer.output[0].to_dict(), {"role": "user", "content": "And?"}]
    await create(proxy, input=again, previous_response_id=answer.id)
    assert backend.requests[2].json["messages"] == [
        *ANSWERED,
        {"role": "assistant", "content": "Done"},
        {"role": "user", "content": "And?"},
    ]


async def test_c6_in_a_conversation_and_by_reference(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(calls("call_q"), said("Done"))
    conversation = await proxy.client.conversations.create()
    first = await create(proxy, input="Go", conversation=conversation.id)
    [call] = first.output
    items = [{"type": "item_reference", "id": call.id}, returned("call_q", "66")]
    await create(proxy, input=items, conversation=conversation.id)
    assert backend.requests[1].json["messages"] == ANSWERED
    kept = [item async for item in proxy.client.conversations.items.list(conversation.id)]
    assert len(kept) == 4


async def test_c6_another_item_under_a_used_id_is_refused(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("Hello"))
    first = await create(proxy, input="Go")
    other = {"type": "message", "id": first.output[0].id, "role": "assistant", "content": "Bye"}
    with pytest.raises(BadRequestError, match="Duplicate item found with id") as caught:
        await create(proxy, input=[other], previous_response_id=first.id)
    assert caught.value.param == "input[0].id"


async def test_c7_semantic_kernel_sends_the_question_and_every_output_again(
    backend: ChatBackend, proxy: LiveProxy
) -> None:
    backend.script(calls("call_q"), calls("call_r"), said("Done"))
    first = await create(proxy, input=[QUESTION])
    second = await create(proxy, input=[QUESTION, returned("call_q", "66")], previous_response_id=first.id)
    assert backend.requests[1].json["messages"] == ANSWERED
    outputs = [returned("call_q", "66"), returned("call_r", "77")]
    await create(proxy, input=[QUESTION, *outputs], previous_response_id=second.id)
    found = backend.requests[2].json["messages"]
    assert found[:3] == ANSWERED
    assert [message["role"] for message in found[3:]] == ["assistant", "tool"]


async def test_c11_half_a_surrogate_pair_at_every_door(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("A"), said("B"))
    half = rb'"a\ud83d"'
    headers = {"content-type": "application/json"}
    client = proxy.client

    async def post(path: str, body: bytes) -> Any:
        return await client.post(path, content=body, cast_to=object, options={"headers": headers})

    answer = await post("/responses", b'{"model":"m","input":%b}' % half)
    assert answer["status"] == "completed"
    compacted = await post("/responses/compact", b'{"model":"m","input":%b}' % half)
    assert compacted["output"][0]["content"][0]["text"] == "a\ufffd"
    made = await post("/conversations", b'{"items":[{"role":"user","content":%b}]}' % half)
    [item] = [each async for each in client.conversations.items.list(made["id"])]
    assert item.content[0].text == "a\ufffd"
