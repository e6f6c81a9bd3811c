"""Retrieval, deletion, lists and conversations, through the official SDK."""

from __future__ import annotations

import pytest
from openai import BadRequestError, NotFoundError

from tests.support.chat_backend import ChatBackend
from tests.support.live import LiveProxy, said


async def test_retrieve_and_delete(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("Hello"))
    made = await proxy.client.responses.create(model="m", input="Hi", metadata={"a": "b"})
    assert (await proxy.client.responses.retrieve(made.id)).to_dict() == made.to_dict()
    answer = await proxy.http.delete(f"/responses/{made.id}")
    assert answer.json() == {"id": made.id, "object": "response", "deleted": True}
    for call in (proxy.client.responses.retrieve, proxy.client.responses.delete, proxy.client.responses.cancel):
        with pytest.raises(NotFoundError) as refused:
            await call(made.id)
        assert refused.value.body == {
            "message": f"Response with id '{made.id}' not found.",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }


async def test_input_items_of_a_whole_thread_in_pages(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("A1"), said("A2"))
    first = await proxy.client.responses.create(model="m", input="Q1")
    parts = [{"type": "input_text", "text": "Q2"}]
    second = await proxy.client.responses.create(
        model="m", input=[{"id": "msg_mine", "role": "user", "content": parts}], previous_response_id=first.id
    )
    listed = await proxy.client.responses.input_items.list(second.id, order="asc")
    assert [(item.role, item.content[0].text, item.type, item.status) for item in listed.data] == [
        ("user", "Q1", "message", "completed"),
        ("assistant", "A1", "message", "completed"),
        ("user", "Q2", "message", "completed"),
    ]
    assert listed.data[2].id == "msg_mine"
    assert len({item.id for item in listed.data}) == 3
    paged = [item.id async for item in proxy.client.responses.input_items.list(second.id, limit=1)]
    assert paged == [item.id for item in reversed(listed.data)]
    answer = (await proxy.http.get(f"/responses/{second.id}/input_items", params={"limit": 2})).json()
    assert (answer["object"], answer["has_more"], answer["first_id"]) == ("list", True, "msg_mine")
    for query in ({"limit": 0}, {"limit": 101}, {"limit": "x"}, {"order": "up"}):
        assert (await proxy.http.get(f"/responses/{second.id}/input_items", params=query)).status_code == 400


async def test_what_was_not_run_in_the_background_is_neither_cancelled_nor_replayed(
    backend: ChatBackend, proxy: LiveProxy
) -> None:
    backend.script(said("Hello"))
    made = await proxy.client.responses.create(model="m", input="Hi")
    with pytest.raises(BadRequestError, match="Cannot cancel a synchronous response"):
        await proxy.client.responses.cancel(made.id)
    with pytest.raises(BadRequestError):
        await proxy.client.responses.retrieve(made.id, stream=True)


async def test_conversations(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("Hello"), said("Again"))
    conversations = proxy.client.conversations
    made = await conversations.create(metadata={"topic": "t"}, items=[{"role": "user", "content": "Before"}])
    assert (await conversations.retrieve(made.id)).metadata == {"topic": "t"}
    assert (await conversations.update(made.id, metadata={"k": "v"})).metadata == {"k": "v"}

    for body in (b"", b"{}", b'{"metadata":null}', b'{"metadata":[]}', b'{"meta":{}}'):
        headers = {"content-type": "application/json"}
        refused = await proxy.http.post(f"/conversations/{made.id}", content=body, headers=headers)
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "metadata"), body
    assert (await conversations.retrieve(made.id)).metadata == {"k": "v"}

    first = await proxy.client.responses.create(model="m", input="Q1", conversation=made.id)
    assert first.conversation.id == made.id
    second = await proxy.client.responses.create(model="m", input="Q2", conversation={"id": made.id}, store=False)
    assert second.conversation.id == made.id
    assert [message["content"] for message in backend.requests[1].json["messages"]] == ["Before", "Q1", "Hello", "Q2"]

    texts = [item.content[0].text async for item in conversations.items.list(made.id, order="asc", limit=2)]
    assert texts == ["Before", "Q1", "Hello"]  # what is not stored leaves no trace here, either
    answer = next(item for item in (await conversations.items.list(made.id)).data if item.role == "assistant")
    assert answer.id == first.output[0].id
    assert (await conversations.items.retrieve(answer.id, conversation_id=made.id)).content[0].text == "Hello"
    assert (await conversations.items.delete(answer.id, conversation_id=made.id)).id == made.id
    with pytest.raises(NotFoundError):
        await conversations.items.retrieve(answer.id, conversation_id=made.id)
    added = await conversations.items.create(made.id, items=[{"role": "user", "content": "More"}])
    assert (added.data[0].content[0].text, added.has_more) == ("More", False)

    deleted = await conversations.delete(made.id)
    assert (deleted.object, deleted.deleted) == ("conversation.deleted", True)
    with pytest.raises(NotFoundError, match=f"Conversation with id '{made.id}' not found"):
        await conversations.retrieve(made.id)


async def test_conversations_refuse_what_is_no_item(proxy: LiveProxy) -> None:
    for items, param in (
        ([{"type": "message", "role": "nobody", "content": "x"}], "items[0].role"),
        ([{"role": "user", "content": "x"}] * 21, "items"),
    ):
        with pytest.raises(BadRequestError) as refused:
            await proxy.client.conversations.create(items=items)
        assert refused.value.param == param
    stranger = proxy.client.with_options(api_key="other")
    made = await proxy.client.conversations.create()
    with pytest.raises(NotFoundError):
        await stranger.conversations.items.list(made.id)
