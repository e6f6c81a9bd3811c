"""Halves of surrogate pairs are told of wherever a body comes in, as in `POST /responses`."""

from __future__ import annotations

import httpx2
import pytest

from tests.support.chat_backend import ChatBackend
from tests.support.live import LiveProxy, said
from tests.support.sockets import socket_to

KEY = {"authorization": "Bearer key"}


async def told(proxy: LiveProxy, http: httpx2.AsyncClient) -> list[str]:
    """What the metrics count of changed inputs."""
    page = await http.get(f"{proxy.url.removesuffix('/v1')}/metrics", headers=KEY)
    lines = [line for line in page.text.splitlines() if line.startswith("dragoman_adaptations_total{")]
    return [line for line in lines if '"changed"' in line and '"input"' in line]


async def test_c11_over_a_websocket(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("One"))
    async with httpx2.AsyncClient(verify=False) as http:
        async with socket_to(proxy) as socket:
            await socket.send('{"type":"response.create","model":"m","input":"a\\ud83d"}')
            while "response.completed" not in str(await socket.recv()):
                pass
        assert backend.requests[0].json["messages"][-1]["content"] == "a\ufffd"
        assert await told(proxy, http)


@pytest.mark.parametrize("path", ["compact", "input_tokens"])
async def test_c11_at_the_other_addresses(path: str, backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.always(said("One"))
    async with httpx2.AsyncClient(verify=False) as http:
        answer = await http.post(
            f"{proxy.url}/responses/{path}",
            content=b'{"model":"m","input":"a\\ud83d"}',
            headers=KEY | {"content-type": "application/json"},
        )
        assert answer.status_code == 200
        assert await told(proxy, http)
