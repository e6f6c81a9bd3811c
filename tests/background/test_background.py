"""Background responses: queued, polled, streamed, resumed, cancelled, lost."""

from __future__ import annotations

import asyncio

import pytest
from openai import BadRequestError

from proxy.config import StoreSettings
from proxy.state import sink
from tests.support.chat_backend import ChatBackend, json_answer, sse_answer
from tests.support.checks import check_events, check_frames
from tests.support.live import LiveProxy, chunk, config_for, ended, said


async def test_queued_at_once_and_polled(backend: ChatBackend, proxy: LiveProxy) -> None:
    go_on = asyncio.Event()
    backend.script(sse_answer([chunk({"content": "Hel"}), go_on, chunk({"content": "lo"}), chunk(finish="stop")]))
    made = await proxy.client.responses.create(model="m", input="Hi", background=True)
    assert (made.status, made.background, made.output) == ("queued", True, [])
    await backend.received()
    with pytest.raises(BadRequestError) as refused:
        await proxy.client.responses.create(model="m", input="x", previous_response_id=made.id)
    assert refused.value.param == "previous_response_id"
    go_on.set()
    done = await ended(proxy, made.id)
    assert (done.status, done.output_text) == ("completed", "Hello")


async def test_an_upstream_that_refuses_fails_the_response(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(json_answer({"error": {"message": "no", "type": "x"}}, status=429))
    made = await proxy.client.responses.create(model="m", input="Hi", background=True)
    done = await ended(proxy, made.id)
    assert (done.status, done.error.code) == ("failed", "rate_limit_exceeded")


async def test_background_needs_the_store(proxy: LiveProxy) -> None:
    with pytest.raises(BadRequestError) as refused:
        await proxy.client.responses.create(model="m", input="Hi", background=True, store=False)
    assert (refused.value.param, refused.value.code) == ("background", "unsupported_parameter")


def test_what_is_stored_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of hours held all its events until it ended."""
    monkeypatch.setattr(sink, "KEPT_BYTES", 10)
    frames = sink.RecentFrames()
    assert frames.since(0) == []
    for number in range(1000):
        frames.add([b"%04d" % number, b"x"])
    assert frames.count == 2000
    assert frames.since(1999) == [b"x"]
    assert frames.since(1996) == [b"0998", b"x", b"0999", b"x"]
    assert frames.since(2000) == frames.since(2007) == []
    assert frames.since(1990) is frames.since(0) is None
    frames.add([b"longer than that"])
    assert frames.since(2000) == [b"longer than that"]
    assert frames.since(1999) is None


@pytest.mark.parametrize("kept", [0, sink.KEPT_BYTES])
async def test_a_broken_stream_resumes_with_the_same_bytes(
    backend: ChatBackend, proxy: LiveProxy, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink, "KEPT_BYTES", kept)
    go_on = asyncio.Event()
    pieces = [chunk({"content": f"{number} "}) for number in range(20)]
    backend.script(sse_answer([*pieces[:10], go_on, *pieces[10:], chunk(finish="stop")]))
    stream = await proxy.client.responses.create(model="m", input="Hi", background=True, stream=True)
    seen = []
    async for event in stream:
        seen.append(event)
        if event.type == "response.output_text.delta":
            break
    await stream.close()
    go_on.set()
    resumed = await proxy.client.responses.retrieve(
        seen[0].response.id, stream=True, starting_after=seen[-1].sequence_number
    )
    seen += [event async for event in resumed]
    assert [event.sequence_number for event in seen] == list(range(len(seen)))
    assert [event.type for event in seen[:3]] == ["response.created", "response.queued", "response.in_progress"]
    url = f"/responses/{seen[0].response.id}"
    whole = (await proxy.http.get(url, params={"stream": "true"})).content
    frames = check_frames(whole)
    assert [frame["type"] for frame in frames] == [event.type for event in seen]
    check_events(frames)
    for after in (0, 5, len(seen) - 2, len(seen) + 5):
        part = (await proxy.http.get(url, params={"stream": "true", "starting_after": after})).content
        assert whole.endswith(part)
        assert len(check_frames(part)) == max(0, len(seen) - after - 1)


async def test_the_events_of_every_stream_are_kept_on_request(backend: ChatBackend) -> None:
    backend.script(said("Hel", "lo"), said("x"))
    settings = StoreSettings(kind="memory", keep_events="all")
    async with LiveProxy(config_for(backend.base_url, store=settings)) as proxy:
        sent = (await proxy.http.post("/responses", json={"model": "m", "input": "Hi", "stream": True})).content
        response_id = check_frames(sent)[0]["response"]["id"]
        assert (await proxy.http.get(f"/responses/{response_id}", params={"stream": "true"})).content == sent
        plain = await proxy.client.responses.create(model="m", input="Hi")
        assert (await proxy.http.get(f"/responses/{plain.id}", params={"stream": "true"})).status_code == 400


async def test_cancelling_closes_the_upstream(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(sse_answer([chunk({"content": "Hel"}), asyncio.Event()]))
    made = await proxy.client.responses.create(model="m", input="Hi", background=True, stream=True)
    first = await anext(aiter(made))
    await backend.received()
    cancelled = await proxy.client.responses.cancel(first.response.id)
    assert cancelled.status == "cancelled"
    await backend.closed()
    types = [event.type async for event in made]
    assert "response.completed" not in types
    again = await proxy.client.responses.cancel(first.response.id)
    assert again.to_dict() == cancelled.to_dict()


async def test_deleting_a_running_response_stops_it(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(sse_answer([chunk({"content": "Hel"}), asyncio.Event()]))
    made = await proxy.client.responses.create(model="m", input="Hi", background=True)
    await backend.received()
    await proxy.client.responses.delete(made.id)
    await backend.closed()


async def test_a_conversation_gains_a_background_turn_when_it_has_ended(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("Hello"))
    conversation = await proxy.client.conversations.create()
    made = await proxy.client.responses.create(model="m", input="Hi", background=True, conversation=conversation.id)
    await ended(proxy, made.id)
    items = (await proxy.client.conversations.items.list(conversation.id, order="asc")).data
    assert [item.content[0].text for item in items] == ["Hi", "Hello"]
