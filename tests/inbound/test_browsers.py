"""Web pages before a server without keys: `Host` and `Origin` decide; with keys, the key does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from proxy.config import Secret, ServerSettings
from proxy.inbound.browsers import Browsers
from tests.support.chat_backend import ChatBackend, json_answer
from tests.support.live import USAGE, LiveProxy, config_for, said
from translators.errors import InvalidRequest

Json = dict[str, Any]
WHOLE: Json = {"choices": [{"index": 0, "message": {"content": "Hi."}, "finish_reason": "stop"}], "usage": USAGE}
ASK: Json = {"model": "m", "input": "hi"}


def refusal(asked: str | None = "127.0.0.1:8080", origin: str | None = None, **settings: Any) -> str | None:
    """The code of what is said to a request without a key."""
    browsers = Browsers(ServerSettings(**settings), asks_for_keys=False)
    headers = {"host": asked, "origin": origin}
    try:
        browsers.check({name: value for name, value in headers.items() if value is not None})
    except InvalidRequest as error:
        said = error
    else:
        return None
    assert said.status == 403
    assert "server." in said.message, "the way out"
    assert len(said.message) < 500
    return said.code


OURS = [
    "127.0.0.1",
    "127.0.0.1:8080",
    "localhost:1",
    "LOCALHOST",
    "localhost.",
    "a.localhost:80",
    "[::1]:8080",
    None,
]
ADDRESSES = ["192.168.1.7:8080", "10.0.0.3", "[fd00::7]:8080", "8.8.8.8"]
PRIVATE = [
    "dragoman:8080",
    "dragoman",
    "host.docker.internal:8080",
    "box.local",
    "dragoman.team-a.svc",
    "a.b.svc.cluster.local",
]
FOREIGN = [
    "evil.com", "evil.com:8080", "localhost.evil.com", "127.0.0.1.evil.com", "evil.com.", "127.0.0.1.nip.io",
    "0x7f.evil.dev", "dragoman.dev", "x" * 400, "evil.com:127.0.0.1", "a.svc.evil.com",
]  # fmt: skip


@pytest.mark.parametrize("host", [*OURS, *ADDRESSES])
def test_names_of_this_machine_and_addresses_are_served(host: str | None) -> None:
    assert refusal(host) is None
    assert refusal(host, host="0.0.0.0") is None


@pytest.mark.parametrize("host", PRIVATE)
def test_names_that_no_stranger_can_own_are_served_where_every_address_is_listened_to(host: str) -> None:
    assert refusal(host) == "host_not_allowed"
    assert refusal(host, host="0.0.0.0") is None
    assert refusal(host, host="::") is None


@pytest.mark.parametrize("host", FOREIGN)
def test_names_that_anybody_may_own_are_refused(host: str) -> None:
    for bound in ("127.0.0.1", "0.0.0.0", "::"):
        assert refusal(host, host=bound) == "host_not_allowed"


def test_further_names_are_served_where_they_are_named() -> None:
    allowed: Json = {"allowed_hosts": ("dragoman.example.com", "*.corp.example")}
    assert refusal("Dragoman.Example.com:443", **allowed) is None
    assert refusal("a.b.corp.example", **allowed) is None
    assert refusal("corp.example", **allowed) == "host_not_allowed"
    assert refusal("evilcorp.example", **allowed) == "host_not_allowed"
    assert refusal("box.lan:1", host="box.lan") is None


@pytest.mark.parametrize(
    ("origin", "code"),
    [
        (None, None),
        ("http://localhost:3000", None),
        ("http://127.0.0.1:8080", None),
        ("https://[::1]:1", None),
        ("https://app.example.com", None),  # named below
        ("https://app.example.com:444", "origin_not_allowed"),
        ("http://app.example.com", "origin_not_allowed"),
        ("https://evil.com", "origin_not_allowed"),
        ("http://localhost.evil.com", "origin_not_allowed"),
        ("http://192.168.1.7:3000", "origin_not_allowed"),
        ("http://192.168.1.7:8080", None),  # the page is from this very server
        ("null", "origin_not_allowed"),
        ("", "origin_not_allowed"),
        ("file://", "origin_not_allowed"),
        ("https://" + "x" * 5000, "origin_not_allowed"),
    ],
)
def test_origins(origin: str | None, code: str | None) -> None:
    assert refusal("192.168.1.7:8080", origin, cors_origins=("https://app.example.com",)) == code
    assert refusal("192.168.1.7:8080", origin, cors_origins=("*",)) is None


@pytest.fixture
async def backend() -> AsyncIterator[ChatBackend]:
    async with ChatBackend() as backend:
        backend.always(json_answer(WHOLE))
        yield backend


@pytest.fixture
async def proxy(backend: ChatBackend) -> AsyncIterator[LiveProxy]:
    async with LiveProxy(config_for(backend.base_url, cors_origins=("https://app.example.com",))) as proxy:
        yield proxy


async def test_a_foreign_page_gets_nowhere(backend: ChatBackend, proxy: LiveProxy) -> None:
    for headers in ({"origin": "https://evil.com"}, {"host": "evil.com"}):
        for asked in (
            proxy.http.post("/responses", json=ASK, headers=headers),
            proxy.http.get("/models", headers=headers),
            proxy.http.post("/responses", content=json.dumps(ASK), headers={**headers, "content-type": "text/plain"}),
        ):
            answer = await asked
            assert answer.status_code == 403
            assert "access-control-allow-origin" not in answer.headers
    assert backend.requests == []
    url = proxy.url.replace("http", "ws") + "/responses"
    for origin, allowed in (("https://evil.com", False), ("http://localhost:5173", True), (None, True)):
        headers = {} if origin is None else {"origin": origin}
        if allowed:
            async with connect(url, additional_headers=headers, proxy=None):
                pass
        else:
            with pytest.raises(InvalidStatus) as caught:
                async with connect(url, additional_headers=headers, proxy=None):
                    pass
            assert caught.value.response.status_code == 403


@pytest.mark.parametrize("origin", ["https://app.example.com", "http://localhost:3000"])
async def test_a_page_that_may_gets_to_read_all(backend: ChatBackend, proxy: LiveProxy, origin: str) -> None:
    headers = {"origin": origin}
    asked = await proxy.http.options(
        "/responses",
        headers={
            **headers,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization, content-type,x-stainless-os",
            "access-control-request-private-network": "true",
        },
    )
    assert asked.status_code == 204
    told = asked.headers
    assert told["access-control-allow-headers"] == "authorization, content-type,x-stainless-os"
    assert "POST" in told["access-control-allow-methods"]
    assert told["access-control-allow-private-network"] == "true"
    backend.script(json_answer(WHOLE), said("a"))
    answers = [
        asked,
        await proxy.http.post("/responses", json=ASK, headers=headers),
        await proxy.http.post("/responses", json=ASK | {"stream": True}, headers=headers),
        await proxy.http.post("/responses", json={}, headers=headers),
        await proxy.http.get("/nowhere", headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [204, 200, 200, 400, 404]
    for answer in answers:
        assert answer.headers.get_list("access-control-allow-origin") == [origin]
        assert answer.headers["access-control-expose-headers"] == "*"
        assert answer.headers["vary"] == "origin"


async def test_a_preflight_of_a_stranger_is_refused(proxy: LiveProxy) -> None:
    headers = {"origin": "https://evil.com", "access-control-request-method": "POST"}
    answer = await proxy.http.options("/responses", headers=headers)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


async def test_with_a_right_key_neither_is_looked_at(backend: ChatBackend) -> None:
    config = config_for(backend.base_url, api_keys=(Secret("key"),))
    async with LiveProxy(config) as proxy:
        for headers in ({"origin": "https://evil.com"}, {"host": "evil.com"}):
            answer = await proxy.http.post("/responses", json=ASK, headers=headers)
            assert answer.status_code == 200
            assert "access-control-allow-origin" not in answer.headers
            wrong = await proxy.http.post("/responses", json=ASK, headers={**headers, "authorization": "Bearer no"})
            assert wrong.status_code == 401


async def test_probes_come_under_any_name(proxy: LiveProxy) -> None:
    base = proxy.url.removesuffix("/v1")
    for path in ("/healthz", "/readyz"):
        assert (await proxy.http.get(base + path, headers={"host": "lb.example.com"})).status_code == 200
