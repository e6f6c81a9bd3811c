"""One response at a time on a conversation, whichever process makes it, and however it ends."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from openai import APIError, BadRequestError

from proxy.config import StoreSettings
from proxy.ids import random_id
from proxy.state.conversation_locks import ConversationLocks
from proxy.store import Conversation
from proxy.store.sql import SqlStore
from proxy.store.sqlite import SqliteDatabase
from tests.support.chat_backend import Answer, ChatBackend, json_answer, sse_answer
from tests.support.live import LiveProxy, chunk, config_for, ended, said
from tests.support.proxy_process import ProxyProcess


def held_up() -> tuple[Answer, asyncio.Event]:
    """An answer that goes on when it is told to."""
    go_on = asyncio.Event()
    return sse_answer([chunk({"content": "Hel"}), go_on, chunk({"content": "lo"}), chunk(finish="stop")]), go_on


async def ask(proxy: LiveProxy, conversation: str, **more: Any) -> Any:
    return await proxy.client.responses.create(model="m", input="Hi", conversation=conversation, **more)


async def check_locked(proxy: LiveProxy, conversation: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        await ask(proxy, conversation)
    assert (refused.value.param, refused.value.code) == ("conversation", "conversation_locked")


async def test_one_at_a_time_and_the_next_sees_it(backend: ChatBackend, proxy: LiveProxy) -> None:
    made = await proxy.client.conversations.create()
    answer, go_on = held_up()
    backend.script(answer)
    backend.always(said("Again"))
    first = asyncio.ensure_future(ask(proxy, made.id))
    await backend.received()
    await check_locked(proxy, made.id)
    assert (await ask(proxy, made.id, store=False)).output_text == "Again"  # which adds nothing
    await proxy.http.post("/responses/input_tokens", json={"model": "m", "input": "Hi", "conversation": made.id})
    go_on.set()
    assert (await first).output_text == "Hello"
    stream = await ask(proxy, made.id, stream=True)
    async for event in stream:
        if event.type == "response.completed":  # the very instant it is seen
            assert (await ask(proxy, made.id)).output_text
    contents = [message["content"] for message in backend.requests[-1].json["messages"]]
    assert contents[:2] == ["Hi", "Hello"]


@pytest.mark.parametrize("end", ["refused", "invalid", "unknown model", "failed", "failed stream", "client gone"])
async def test_it_is_free_again_however_a_response_ends(backend: ChatBackend, proxy: LiveProxy, end: str) -> None:
    made = await proxy.client.conversations.create()
    match end:
        case "refused":
            backend.script(json_answer({"error": {"message": "no"}}, status=400))
            with pytest.raises(APIError):
                await ask(proxy, made.id)
        case "invalid" | "unknown model":
            bad: dict[str, Any] = {"tools": [{"type": "function"}]} if end == "invalid" else {"input": [{"type": 1}]}
            body = {"model": "m", "input": "Hi", "conversation": made.id, **bad}
            assert (await proxy.http.post("/responses", json=body)).status_code == 400
        case "failed":
            backend.script(sse_answer([chunk({"content": "Hel"})], done=False))
            with pytest.raises(APIError):
                await ask(proxy, made.id)
        case "failed stream":
            backend.script(sse_answer([chunk({"content": "Hel"})], done=False))
            events = [event.type async for event in await ask(proxy, made.id, stream=True)]
            assert events[-1] == "response.failed"
        case "client gone":
            answer, _ = held_up()
            backend.script(answer)
            stream = await ask(proxy, made.id, stream=True)
            await anext(aiter(stream))
            await stream.close()
            await backend.closed()
    backend.always(said("Again"))
    async with asyncio.timeout(30):
        while True:  # a client that has gone is noticed a moment later
            try:
                assert (await ask(proxy, made.id)).output_text == "Again"
                break
            except BadRequestError:
                assert end == "client gone"
                await asyncio.sleep(0)


async def test_a_background_response_holds_it_until_its_end(backend: ChatBackend, proxy: LiveProxy) -> None:
    made = await proxy.client.conversations.create()
    answer, go_on = held_up()
    backend.script(answer, said("Again"))
    run = await ask(proxy, made.id, background=True)
    await backend.received()
    await check_locked(proxy, made.id)
    go_on.set()
    await ended(proxy, run.id)
    await ask(proxy, made.id)

    answer, _ = held_up()
    backend.script(answer, said("Again"))
    run = await ask(proxy, made.id, background=True)
    await backend.received(3)
    await check_locked(proxy, made.id)
    await proxy.client.responses.cancel(run.id)
    await ask(proxy, made.id)


class Renewed(SqlStore):
    """Tells when a lock has been renewed so many times."""

    def __init__(self) -> None:
        super().__init__(SqliteDatabase(None))
        self.times: asyncio.Queue[float] = asyncio.Queue()

    async def renew_conversation(self, conversation_id: str, holder: str, until: float) -> bool:
        self.times.put_nowait(until)
        return await super().renew_conversation(conversation_id, holder, until)


async def test_the_lock_lasts_as_long_as_the_response() -> None:
    """A model may think for longer than the lease."""
    now = 1000.0
    store = Renewed()
    await store.open()
    await store.create_conversation(Conversation(id="c", owner="o", created_at=1, metadata={}), [])
    locks = ConversationLocks(store, lambda: now, random_id, 0.01)
    lock = await locks.take("o", "c")
    for _ in range(3):
        now += 1.0
        while await store.times.get() < now:
            pass
        assert not await store.hold_conversation("o", "c", "other", now, now + 1)
    await lock.release()
    await lock.release()
    assert await store.hold_conversation("o", "c", "other", now, now + 1)
    await locks.aclose()
    await store.close()


class Slow(SqlStore):
    """Says late that a conversation is held."""

    def __init__(self) -> None:
        super().__init__(SqliteDatabase(None))
        self.held = asyncio.Event()

    async def hold_conversation(self, owner: str, conversation_id: str, holder: str, now: float, until: float) -> bool:
        await super().hold_conversation(owner, conversation_id, holder, now, until)
        self.held.set()
        return await asyncio.Future[bool]()


async def test_a_client_that_leaves_while_it_is_taken_leaves_it_free() -> None:
    """Else who asks again at once is refused until the lease ends."""
    store = Slow()
    await store.open()
    await store.create_conversation(Conversation(id="c", owner="o", created_at=1, metadata={}), [])
    locks = ConversationLocks(store, lambda: 1000.0, random_id, 60)
    taking = asyncio.ensure_future(locks.take("o", "c"))
    await store.held.wait()
    taking.cancel()
    await asyncio.wait([taking])
    assert taking.cancelled()
    assert await SqlStore.hold_conversation(store, "o", "c", "other", 1000.0, 1001.0)
    await locks.aclose()
    await store.close()


async def test_a_killed_process_frees_it(backend: ChatBackend, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    answer, _ = held_up()
    backend.script(answer, said("Again"))
    settings = StoreSettings(data_dir=data, lease_seconds=0.5)
    async with (
        LiveProxy(config_for(backend.base_url, store=settings)) as survivor,
        ProxyProcess(tmp_path, backend.base_url, {"data_dir": data, "lease_seconds": 0.5}) as doomed,
    ):
        made = await survivor.client.conversations.create()
        body = {"model": "m", "input": "Hi", "conversation": made.id}
        talk = asyncio.ensure_future(survivor.http.post(f"{doomed.url}/responses", json=body))
        await backend.received()
        await check_locked(survivor, made.id)
        await doomed.kill()
        await asyncio.wait([talk])
        talk.exception()
        async with asyncio.timeout(30):
            while True:
                try:
                    assert (await ask(survivor, made.id)).output_text == "Again"
                    return
                except BadRequestError:
                    await asyncio.sleep(0.05)
