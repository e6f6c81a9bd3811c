"""What only the httpx transport serves."""

from __future__ import annotations

import pytest

from proxy.transports import Endpoint, create_transport
from tests.transports.wire import PATIENT, Peer, ScriptedServer, whole


async def test_proxy_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forward(peer: Peer) -> None:
        head, _ = await peer.request()
        await peer.write(whole(head.split(" ")[1].encode()))
        await peer.until_closed()

    async with ScriptedServer(forward) as server:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.port}")
        transport = create_transport("httpx")
        async with await transport.send(Endpoint.parse("http://upstream.test/v1"), [], b"{}", PATIENT) as answer:
            assert await answer.read(100) == b"http://upstream.test/v1"
        await transport.aclose()


def test_unknown_kind() -> None:
    with pytest.raises(ValueError, match="native or httpx"):
        create_transport("requests")
