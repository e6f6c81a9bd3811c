"""A response continued: what the upstream is sent, and what is refused."""

from __future__ import annotations

import pytest
from openai import BadRequestError, NotFoundError

from proxy.config import StoreSettings
from tests.support.chat_backend import ChatBackend, sse_answer
from tests.support.live import LiveProxy, chunk, config_for, said
from translators.history import references


async def test_a_response_goes_on_from_the_one_before(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("Hello"), said("Again"), said("Third"))
    first = await proxy.client.responses.create(model="m", input="Hi", instructions="Be brief.")
    second = await proxy.client.responses.create(model="m", input="And?", previous_response_id=first.id)
    third = await proxy.client.responses.create(
        model="m", input="Now?", previous_response_id=second.id, instructions="Be long."
    )
    assert third.previous_response_id == second.id
    assert backend.requests[2].json["messages"] == [
        {"role": "system", "content": "Be long."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "And?"},
        {"role": "assistant", "content": "Again"},
        {"role": "user", "content": "Now?"},
    ]


async def test_a_stream_is_stored_before_its_last_event(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("Hel", "lo"), said("Again"))
    stream = await proxy.client.responses.create(model="m", input="Hi", stream=True)
    async for event in stream:
        if event.type == "response.completed":
            stored = await proxy.client.responses.retrieve(event.response.id)
            assert stored.to_dict() == event.response.to_dict()
            await proxy.client.responses.create(model="m", input="And?", previous_response_id=event.response.id)
    assert backend.requests[1].json["messages"][1] == {"role": "assistant", "content": "Hello"}


async def test_r04_g19_a_tool_turn_goes_on_with_its_output_alone(backend: ChatBackend, proxy: LiveProxy) -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    thought = chunk({"reasoning_content": "hm"})
    backend.script(sse_answer([thought, chunk({"tool_calls": [call]}), chunk(finish="tool_calls")]), said("Done"))
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False}]
    first = await proxy.client.responses.create(model="m", input="Go", tools=tools)
    output = {"type": "function_call_output", "call_id": "call_1", "output": "42"}
    await proxy.client.responses.create(
        model="m",
        input=[output],
        tools=tools,
        previous_response_id=first.id,
    )
    messages = backend.requests[1].json["messages"]
    assert messages[1]["reasoning_content"] == "hm"
    assert messages[1]["tool_calls"][0]["id"] == "call_1"
    assert messages[2] == {"role": "tool", "tool_call_id": "call_1", "content": "42"}


async def test_what_cannot_be_continued(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("a"), said("b"), said("c"))
    create = proxy.client.responses.create
    with pytest.raises(BadRequestError) as refused:
        await create(model="m", input="x", previous_response_id="resp_none")
    assert (refused.value.code, refused.value.param) == ("previous_response_not_found", "previous_response_id")
    with pytest.raises(BadRequestError) as refused:
        await create(model="m", input="x", previous_response_id="resp_none", conversation="conv_none")
    assert refused.value.code == "mutually_exclusive_parameters"
    with pytest.raises(NotFoundError):
        await create(model="m", input="x", conversation="conv_none")
    unstored = await create(model="m", input="x", store=False)
    with pytest.raises(BadRequestError) as refused:
        await create(model="m", input="x", previous_response_id=unstored.id)
    assert refused.value.code == "previous_response_not_found"
    # A thread whose middle was deleted is never continued as if nothing had been there.
    first = await create(model="m", input="x")
    second = await create(model="m", input="x", previous_response_id=first.id)
    await proxy.client.responses.delete(first.id)
    with pytest.raises(BadRequestError) as refused:
        await create(model="m", input="x", previous_response_id=second.id)
    assert refused.value.code == "previous_response_not_found"


async def test_unstored_requests_may_read_unless_configured_otherwise(backend: ChatBackend) -> None:
    backend.script(said("a"), said("b"), said("a"))
    async with LiveProxy(config_for(backend.base_url)) as proxy:
        first = await proxy.client.responses.create(model="m", input="x")
        second = await proxy.client.responses.create(model="m", input="y", previous_response_id=first.id, store=False)
        with pytest.raises(NotFoundError):
            await proxy.client.responses.retrieve(second.id)
    settings = StoreSettings(kind="memory", unstored_continuation="refuse")
    async with LiveProxy(config_for(backend.base_url, store=settings)) as proxy:
        first = await proxy.client.responses.create(model="m", input="x")
        with pytest.raises(BadRequestError) as refused:
            await proxy.client.responses.create(model="m", input="y", previous_response_id=first.id, store=False)
        assert refused.value.param == "previous_response_id"


async def test_item_references_stand_for_stored_items(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("Hello"), said("b"), said("c"))
    first = await proxy.client.responses.create(model="m", input="Hi")
    reference = first.output[0].id
    user = {"role": "user", "content": "Hi"}
    for form in ({"type": "item_reference", "id": reference}, {"id": reference}):
        await proxy.client.responses.create(model="m", input=[user, form, {"role": "user", "content": "And?"}])
        assert [message["content"] for message in backend.requests[-1].json["messages"]] == ["Hi", "Hello", "And?"]
    with pytest.raises(BadRequestError) as refused:
        await proxy.client.responses.create(model="m", input=[user, {"type": "item_reference", "id": "msg_none"}])
    assert (refused.value.code, refused.value.param) == ("item_not_found", "input[1].id")


async def test_keys_keep_responses_apart(backend: ChatBackend) -> None:
    backend.script(said("a"))
    async with LiveProxy(config_for(backend.base_url)) as proxy:
        first = await proxy.client.responses.create(model="m", input="x")
        stranger = proxy.client.with_options(api_key="other")
        with pytest.raises(NotFoundError):
            await stranger.responses.retrieve(first.id)
        with pytest.raises(BadRequestError):
            await stranger.responses.create(model="m", input="x", previous_response_id=first.id)


async def test_references_are_limited_in_number_and_in_what_they_stand_for(
    backend: ChatBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is looked up, and one item may be referred to any number of times."""
    settings = StoreSettings(kind="memory", max_references=3)
    async with LiveProxy(config_for(backend.base_url, store=settings)) as proxy:
        backend.always(said("Hello"))
        made = await proxy.client.responses.create(model="m", input="Hi")
        reference = {"type": "item_reference", "id": made.output[0].id}
        await proxy.client.responses.create(model="m", input=[reference] * 3)
        with pytest.raises(BadRequestError, match=r"store\.max_references") as refused:
            await proxy.client.responses.create(model="m", input=[reference] * 4)
        assert (refused.value.param, refused.value.code) == ("input", "too_many_references")
        monkeypatch.setattr(references, "MAX_REFERRED_BYTES", 300)
        with pytest.raises(BadRequestError, match="300 bytes together"):
            await proxy.client.responses.create(model="m", input=[reference] * 3)
        odd = await proxy.http.get("/responses/a%00b")
        assert odd.status_code == 404
        for body in ({"previous_response_id": "a\0b"}, {"input": [{"type": "item_reference", "id": "a\0b"}]}):
            answer = await proxy.http.post("/responses", json={"model": "m", "input": "Hi", **body})
            assert answer.status_code == 400
