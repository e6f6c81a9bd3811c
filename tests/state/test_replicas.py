"""Two replicas on one PostgreSQL, and processes that are killed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import APIError, AsyncOpenAI

from proxy.config import Secret, StoreSettings
from tests.support.chat_backend import ChatBackend, sse_answer
from tests.support.checks import check_events, check_frames
from tests.support.live import LiveProxy, chunk, config_for, ended, said
from tests.support.postgres import PostgresServer
from tests.support.proxy_process import ProxyProcess

TURNS_KILLED = 200
KILLS = 8


@pytest.fixture
async def store(postgres: PostgresServer) -> StoreSettings:
    return StoreSettings(kind="postgres", dsn=Secret(await postgres.database()), lease_seconds=1.0)


@pytest.fixture
async def replicas(backend: ChatBackend, store: StoreSettings) -> AsyncIterator[tuple[LiveProxy, LiveProxy]]:
    config = config_for(backend.base_url, store=store)
    first, second = LiveProxy(config), LiveProxy(config)
    starting = await asyncio.gather(first.__aenter__(), second.__aenter__())  # both migrate an empty database
    yield starting[0], starting[1]
    await first.__aexit__(None, None, None)
    await second.__aexit__(None, None, None)


async def test_what_one_replica_stored_the_other_goes_on_from(
    backend: ChatBackend, replicas: tuple[LiveProxy, LiveProxy]
) -> None:
    one, other = replicas
    backend.script(said("Hello"), said("Again"))
    stream = await one.client.responses.create(model="m", input="Hi", stream=True)
    async for event in stream:
        if event.type == "response.completed":  # the very instant it is seen
            second = await other.client.responses.create(
                model="m", input="And?", previous_response_id=event.response.id
            )
    assert second.output_text == "Again"
    contents = [message["content"] for message in backend.requests[1].json["messages"]]
    assert contents == ["Hi", "Hello", "And?"]


async def test_a_run_is_streamed_and_cancelled_from_the_other_replica(
    backend: ChatBackend, replicas: tuple[LiveProxy, LiveProxy]
) -> None:
    one, other = replicas
    go_on = asyncio.Event()
    pieces = [chunk({"content": f"{number} "}) for number in range(10)]
    backend.script(sse_answer([*pieces[:5], go_on, *pieces[5:], chunk(finish="stop")]))
    made = await one.client.responses.create(model="m", input="Hi", background=True)
    url = f"/responses/{made.id}"
    elsewhere = asyncio.ensure_future(other.http.get(url, params={"stream": "true"}))
    here = asyncio.ensure_future(one.http.get(url, params={"stream": "true"}))
    await backend.received()
    go_on.set()
    same = [answer.content for answer in await asyncio.gather(elsewhere, here)]
    assert same[0] == same[1]
    check_events(check_frames(same[0]))
    assert (await ended(other, made.id)).status == "completed"

    backend.script(sse_answer([chunk({"content": "Hel"}), asyncio.Event()]))
    made = await one.client.responses.create(model="m", input="Hi", background=True)
    await backend.received(2)
    assert (await other.client.responses.cancel(made.id)).status == "cancelled"
    await backend.closed()
    assert (await one.client.responses.retrieve(made.id)).status == "cancelled"


async def test_a_replica_killed_in_the_middle_leaves_nothing_in_progress(
    backend: ChatBackend, store: StoreSettings, tmp_path: Path
) -> None:
    assert store.dsn is not None
    settings = {"kind": "postgres", "dsn": store.dsn.reveal(), "lease_seconds": 1.0}
    backend.script(said("Hello"), sse_answer([chunk({"content": "Hel"}), asyncio.Event()]))
    async with (
        LiveProxy(config_for(backend.base_url, store=store)) as survivor,
        ProxyProcess(tmp_path, backend.base_url, settings) as doomed,
    ):
        async with AsyncOpenAI(base_url=doomed.url, api_key="key", max_retries=0) as client:
            kept = await client.responses.create(model="m", input="Hi")
            made: Any = await client.responses.create(model="m", input="Hi", background=True, stream=True)
            seen = []
            async for event in made:
                seen.append(event)
                if event.type == "response.output_text.delta":
                    break
            response_id = seen[0].response.id
            following = asyncio.ensure_future(survivor.http.get(f"/responses/{response_id}", params={"stream": "true"}))
            await doomed.kill()
        lost = await ended(survivor, response_id)
        assert (lost.status, lost.error.code) == ("failed", "server_error")
        frames = check_frames((await following).content)
        assert [frame["sequence_number"] for frame in frames] == list(range(len(frames)))
        assert [frame["type"] for frame in frames[: len(seen)]] == [event.type for event in seen]
        assert frames[-1]["type"] == "response.failed"
        backend.script(said("Again"))
        again = await survivor.client.responses.create(model="m", input="?", previous_response_id=kept.id)
        assert again.output_text == "Again"


async def test_every_response_seen_completed_survives_a_kill(backend: ChatBackend, tmp_path: Path) -> None:
    """SQLite, killed at random moments while four clients talk to it."""
    chance = random.Random(4)
    backend.always(said("Hel", "lo"))
    seen: list[dict[str, Any]] = []
    settings = {"kind": "sqlite", "data_dir": str(tmp_path / "data")}

    async def converse(url: str, enough: int, reached: asyncio.Event) -> None:
        async with AsyncOpenAI(base_url=url, api_key="key", max_retries=0) as client:
            previous: Any = None
            while True:
                extra = {} if previous is None else {"previous_response_id": previous}
                stream: Any = await client.responses.create(model="m", input="Hi", stream=True, **extra)
                async for event in stream:
                    if event.type == "response.completed":
                        seen.append(event.response.to_dict())
                        previous = event.response.id
                if len(seen) >= enough:
                    reached.set()

    for number in range(KILLS):
        enough = (number + 1) * TURNS_KILLED // KILLS + chance.randrange(5)
        reached = asyncio.Event()
        async with ProxyProcess(tmp_path, backend.base_url, settings) as process:
            talks = [asyncio.ensure_future(converse(process.url, enough, reached)) for _ in range(4)]
            async with asyncio.timeout(120):
                await reached.wait()
            await process.kill()
            # The kill shows to each client as a broken connection and as nothing else.
            for outcome in await asyncio.gather(*talks, return_exceptions=True):
                assert isinstance(outcome, APIError | httpx2.HTTPError), repr(outcome)
    assert len(seen) >= TURNS_KILLED
    async with (
        ProxyProcess(tmp_path, backend.base_url, settings) as process,
        AsyncOpenAI(base_url=process.url, api_key="key", max_retries=0) as client,
    ):
        for response in seen:
            assert (await client.responses.retrieve(response["id"])).to_dict() == response
