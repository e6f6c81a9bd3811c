"""Around the store: where its data is, what a failure of it does, and what a long chain asks of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from proxy.background.housekeeping import MEMORY_BYTES, limits_of
from proxy.config import Config, StoreSettings, with_data_dir
from proxy.store import StoreError, create_store
from proxy.store.sql import Row, SqlStore, Statement
from proxy.store.sqlite import SqliteDatabase
from tests.support.chat_backend import ChatBackend, sse_answer
from tests.support.checks import check_events, check_frames
from tests.support.live import LiveProxy, chunk, config_for, ended, said
from tests.support.records import record


class Observed(SqliteDatabase):
    """Counts reads, and fails writes on request."""

    def __init__(self) -> None:
        super().__init__(None)
        self.reads = 0
        self.broken = False

    async def read(self, statement: Statement) -> list[Row]:
        self.reads += 1
        return await super().read(statement)

    async def write(self, script: Sequence[Statement], done: Statement | None = None) -> int:
        if self.broken:
            raise StoreError
        return await super().write(script)


async def test_a_long_chain_is_one_query() -> None:
    database = Observed()
    store = SqlStore(database)
    await store.open()
    parent = None
    for number in range(300):
        await store.put(record(f"r{number}", parent=parent, root="r0"))
        parent = f"r{number}"
    before = database.reads
    assert len(await store.chain("o", "r299")) == 300
    assert database.reads == before + 1
    await store.close()


async def test_a_response_that_cannot_be_stored_is_not_called_completed(backend: ChatBackend) -> None:
    database = Observed()
    async with LiveProxy(config_for(backend.base_url), SqlStore(database)) as proxy:
        backend.script(said("Hello"), said("Hello"), said("Hello"))
        database.broken = True
        body = {"model": "m", "input": "Hi"}
        events = check_frames((await proxy.http.post("/responses", json={**body, "stream": True})).content)
        check_events(events)
        assert (events[-1]["type"], events[-1]["response"]["error"]["code"]) == ("response.failed", "server_error")
        answer = await proxy.http.post("/responses", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_unavailable")
        assert (await proxy.http.post("/responses", json={**body, "store": False})).status_code == 200


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_finished_answer_may_be_given_though_it_is_not_stored(backend: ChatBackend, streamed: bool) -> None:
    """Which whoever runs the server chooses: it has been paid, and it cannot be continued."""
    database = Observed()
    settings = StoreSettings(kind="memory", on_failure="answer")
    async with LiveProxy(config_for(backend.base_url, store=settings), SqlStore(database)) as proxy:
        backend.script(said("Hello"), said("Hello"))
        database.broken = True
        answer = await proxy.http.post("/responses", json={"model": "m", "input": "Hi", "stream": streamed})
        assert answer.status_code == 200
        if streamed:
            events = check_frames(answer.content)
            check_events(events)
            assert events[-1]["type"] == "response.completed"
        else:
            assert answer.json()["output"][0]["content"][0]["text"] == "Hello"
            assert "dropped store" in answer.headers["x-dragoman-adapted"]
        background = await proxy.http.post("/responses", json={"model": "m", "input": "Hi", "background": True})
        assert background.status_code == 503


async def test_nothing_unstored_touches_the_store(backend: ChatBackend) -> None:
    database = Observed()
    async with LiveProxy(config_for(backend.base_url), SqlStore(database)) as proxy:
        backend.script(said("Hello"))
        database.broken = True
        answer = await proxy.http.post("/responses", json={"model": "m", "input": "Hi", "store": False})
        assert answer.json()["store"] is False
        assert answer.status_code == 200


async def test_a_server_that_stops_fails_what_still_runs(backend: ChatBackend, tmp_path: Path) -> None:
    settings = StoreSettings(data_dir=str(tmp_path))
    backend.script(sse_answer([chunk({"content": "Hel"}), asyncio.Event()]))
    async with LiveProxy(config_for(backend.base_url, store=settings)) as proxy:
        made = await proxy.client.responses.create(model="m", input="Hi", background=True)
        await backend.received()
    await backend.closed()
    async with LiveProxy(config_for(backend.base_url, store=settings)) as proxy:
        assert (await ended(proxy, made.id)).status == "failed"


async def test_a_data_directory_that_cannot_be_used_is_an_error_where_it_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = create_store(StoreSettings(data_dir=str(tmp_path / "file" / "deep")))
    with pytest.raises(StoreError, match="cannot be used"):
        await store.open()
    await store.close()


def test_where_the_data_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")

    def found(environ: dict[str, str], data_dir: str | None = None) -> str | None:
        return with_data_dir(Config(store=StoreSettings(data_dir=data_dir)), environ).store.data_dir

    home, state = str(tmp_path / "home"), str(tmp_path / "state")
    assert found({"HOME": home}) == f"{home}/.local/state/dragoman"
    assert found({"HOME": home, "XDG_STATE_HOME": state}) == f"{state}/dragoman"
    assert found({"HOME": home, "XDG_STATE_HOME": "relative"}) == f"{home}/.local/state/dragoman"
    assert found({"HOME": home, "DRAGOMAN_DATA_DIR": "/asked"}) == "/asked"
    assert found({"HOME": home, "DRAGOMAN_DATA_DIR": "/asked"}, data_dir="/named") == "/named"
    with caplog.at_level(logging.WARNING):
        assert found({"XDG_STATE_HOME": str(tmp_path / "file")}) is None
    assert "kept in memory" in caplog.text


def test_memory_is_bounded() -> None:
    assert limits_of(StoreSettings()).max_bytes == MEMORY_BYTES
    assert limits_of(StoreSettings(kind="memory", max_bytes=5)).max_bytes == 5
    assert limits_of(StoreSettings(data_dir="/x")).max_bytes == 0
