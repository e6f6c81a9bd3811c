"""`keys:`: callers by name, keys that are replaced, models that are not everybody's."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from proxy.config import ConfigError, KeySettings, Secret
from proxy.store import Store, create_store
from tests.support.chat_backend import ChatBackend, json_answer, sse_answer
from tests.support.live import WHOLE, LiveProxy, chunk, config_for
from tests.support.running import read_config

Json = dict[str, Any]
ASK: Json = {"model": "m", "input": "hi"}


@pytest.fixture
async def backend() -> AsyncIterator[ChatBackend]:
    async with ChatBackend() as backend:
        backend.always(json_answer(WHOLE))
        yield backend


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class Caller:
    """Whoever has a key."""

    def __init__(self, proxy: LiveProxy, key: str) -> None:
        self._http = proxy.http
        self._headers = {"authorization": f"Bearer {key}"}

    async def post(self, path: str = "/responses", **fields: Any) -> httpx2.Response:
        return await self._http.post(path, json=ASK | fields, headers=self._headers)

    async def get(self, path: str) -> httpx2.Response:
        return await self._http.get(path, headers=self._headers)


class Keeping:
    """A store that outlives the servers on it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def close(self) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def test_keys_are_replaced_and_what_was_stored_stays(backend: ChatBackend) -> None:
    config = config_for(backend.base_url)
    store: Any = Keeping(create_store(config.store))
    bare = replace(config, server=replace(config.server, api_keys=(Secret("old"), Secret("other"))))
    async with LiveProxy(bare, store) as proxy:
        first = (await Caller(proxy, "old").post()).json()["id"]
        item = (await Caller(proxy, "old").get(f"/responses/{first}")).json()["output"][0]["id"]
        talk = (await proxy.http.post("/conversations", json={}, headers={"authorization": "Bearer old"})).json()["id"]
    for keys in (
        KeySettings(key=Secret("old")),
        KeySettings(key=Secret("new"), sha256=(digest("old"), digest("third"))),
    ):
        named = replace(bare, server=replace(config.server, api_keys=(Secret("other"),)), keys={"team": keys})
        async with LiveProxy(named, store) as proxy:
            new = Caller(proxy, "old" if keys.sha256 == () else "new")
            assert (await new.get(f"/responses/{first}")).status_code == 200
            second = (await new.post(previous_response_id=first)).json()["id"]
            third = (await Caller(proxy, "old").post(previous_response_id=second)).json()
            assert third["status"] == "completed"
            assert [message["role"] for message in backend.requests[-1].json["messages"]] == [
                "user", "assistant", "user", "assistant", "user",
            ]  # fmt: skip
            fresh = (await new.post()).json()["id"]
            assert (await Caller(proxy, "old").get(f"/responses/{fresh}/input_items")).status_code == 200
            referred = [{"type": "item_reference", "id": item}, {"role": "user", "content": "more"}]
            assert (await new.post(input=referred)).status_code == 200
            assert (await new.get(f"/conversations/{talk}")).status_code == 200
            assert (await new.post(conversation=talk)).status_code == 200
            other = Caller(proxy, "other")
            for id_ in (first, second, fresh):
                assert (await other.get(f"/responses/{id_}")).status_code == 404
                assert (await other.post(previous_response_id=id_)).status_code == 400
            assert (await other.get(f"/conversations/{talk}")).status_code == 404
            assert (await Caller(proxy, "team").get("/models")).status_code == 401
    await store._store.close()


async def test_models_that_are_not_a_callers_do_not_exist_for_it(backend: ChatBackend) -> None:
    config = config_for(backend.base_url)
    models = dict.fromkeys(("coder", "gpt-1", "secret"), config.models["*"])
    keys = {"team": KeySettings(key=Secret("key"), models=("coder", "gpt-*")), "all": KeySettings(key=Secret("root"))}
    async with LiveProxy(replace(config, models=models, keys=keys, default_model="secret")) as proxy:
        team, all_ = Caller(proxy, "key"), Caller(proxy, "root")
        listed = [model["id"] for model in (await team.get("/models")).json()["data"]]
        assert listed == ["coder", "gpt-1"]
        assert len((await all_.get("/models")).json()["data"]) == 3
        for path in ("/responses", "/responses/compact", "/responses/input_tokens"):
            assert (await team.post(path, model="gpt-1")).status_code == 200
            for model in ("secret", "gone", None):
                answer = await team.post(path, model=model)
                assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
                assert "Known models: coder, gpt-1." in answer.json()["error"]["message"]
            assert (await all_.post(path, model="secret")).status_code == 200
        assert (await team.get("/models/secret")).status_code == 404
        assert (await team.get("/models/coder")).status_code == 200


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"a": {}}, "keys.a: needs a `key`, or its digest in `sha256`"),
        ({"a b": {"key": "k"}}, 'keys."a b": must be up to 64 letters'),
        ({"0" * 32: {"key": "k"}}, "must be up to 64 letters"),
        ({"a": {"sha256": ["abc"]}}, "keys.a.sha256[0]: must be 64 hexadecimal digits"),
        ({"a": {"key": "k"}, "b": {"sha256": [digest("k")]}}, "keys.b.sha256[0]: is the same key as keys.a.key"),
        ({"a": {"key": "short"}}, "keys.a.key: is the same key as server.api_keys[0]"),
        ({"a": {"key": "k", "requests_per_minute": 3}}, "unknown key"),
    ],
)
def test_what_cannot_be_is_told(tmp_path: Path, keys: Json, problem: str) -> None:
    settings = {
        "server": {"api_keys": ["short"]},
        "keys": keys,
        "upstreams": {"a": {"base_url": "http://127.0.0.1:9/v1"}},
        "models": {"*": {"upstream": "a"}},
    }
    with pytest.raises(ConfigError) as caught:
        read_config(settings, tmp_path)
    assert problem in str(caught.value)


def test_the_default_model_has_to_be_one(tmp_path: Path) -> None:
    for name, right in (("m", True), ("gpt-5", True), ("other", False)):
        settings = {
            "upstreams": {"a": {"base_url": "http://127.0.0.1:9/v1"}},
            "models": {"m": {"upstream": "a"}, "gpt-*": {"upstream": "a"}},
            "default_model": name,
        }
        if right:
            assert read_config(settings, tmp_path).default_model == name
        else:
            with pytest.raises(ConfigError, match="default_model: unknown model other"):
                read_config(settings, tmp_path)


async def test_the_requests_under_way_of_one_key_are_limited(backend: ChatBackend) -> None:
    """With answers of hours, one key could have held every connection."""
    config = config_for(backend.base_url)
    limited = KeySettings(key=Secret("a"), sha256=(digest("b"),), concurrency=1)
    keys = {"team": limited, "free": KeySettings(key=Secret("c"))}
    async with LiveProxy(replace(config, keys=keys)) as proxy:
        team, same, free = (Caller(proxy, key) for key in "abc")
        made = (await team.post()).json()["id"]
        go_on = asyncio.Event()
        backend.script(sse_answer([chunk({"content": "Hel"}), go_on, chunk({"content": "lo"}), chunk(finish="stop")]))
        under_way = asyncio.create_task(team.post(stream=True))
        await backend.received(2)
        refused = await same.post()
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.json()["error"]["code"] == "rate_limit_exceeded"
        assert "(keys.team.concurrency)" in refused.json()["error"]["message"]
        assert (await same.get(f"/responses/{made}?stream=true")).status_code == 429
        assert (await same.get(f"/responses/{made}")).status_code == 200
        assert (await free.post()).status_code == 200
        go_on.set()
        assert (await under_way).status_code == 200
        assert (await same.post()).status_code == 200

        backend.script(sse_answer([chunk({"content": "Hel"}), asyncio.Event()]))
        run = (await team.post(background=True)).json()["id"]
        assert (await same.post()).status_code == 429
        assert (await same.post(f"/responses/{run}/cancel")).status_code == 200
        assert (await same.post()).status_code == 200
