"""What only the httpx transport serves."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from proxy.commands.main import main
from proxy.transports import Endpoint, TransportUnavailable, create_transport
from tests.transports.wire import CHUNKED, LAST_CHUNK, PATIENT, Peer, ScriptedServer, answering, chunk, whole


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


async def test_pieces_that_came_together_leave_others_their_turn() -> None:
    """Counted in turns of the loop, which go on between the pieces of one read."""
    pieces_of_turn = [0]

    async def count_turns() -> None:
        while True:
            pieces_of_turn.append(0)
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count_turns())
    async with ScriptedServer(answering(CHUNKED + chunk(b"\n") * 2000 + LAST_CHUNK)) as server:
        transport = create_transport("httpx")
        async with await transport.send(server.endpoint(), [], b"{}", PATIENT) as answer:
            receive = answer.receiver()
            while await receive():
                pieces_of_turn[-1] += 1
        await transport.aclose()
    counting.cancel()
    assert sum(pieces_of_turn) == 2000
    assert max(pieces_of_turn) <= 65


def test_unknown_kind() -> None:
    with pytest.raises(ValueError, match="native or httpx"):
        create_transport("requests")


# ---- proxies of the environment


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:9", "socks5h://user:pass-word-1@127.0.0.1:9"])
def test_a_socks_proxy_without_its_package_is_one_line(
    address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)  # as if it were not installed
    monkeypatch.setenv("ALL_PROXY", address)
    file = tmp_path / "config.yaml"
    file.write_text(
        "upstreams: {u: {base_url: 'http://h/v1', transport: httpx, verify_tls: false}}\nmodels: {'*': {upstream: u}}\n"
    )
    for command in (["check", "--config", str(file)], ["serve", "--port", "0", "--config", str(file)]):
        assert main(command) == 2
        told = capsys.readouterr().err
        assert "pip install 'dragoman[socks]'" in told
        assert "Traceback" not in told
        assert "pass-word-1" not in told


def test_a_proxy_that_cannot_be_used_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://user:pass-word-1@127.0.0.1:9")
    with pytest.raises(TransportUnavailable, match="socks5://") as told:
        create_transport("httpx", verify=False)
    assert "pass-word-1" not in str(told.value)


async def test_a_request_goes_through_a_socks_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 1928, as much of it as one connection without a password takes."""
    pytest.importorskip("socksio")
    asked: list[bytes] = []

    async def socks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(3)
        writer.write(b"\x05\x00")
        head = await reader.readexactly(5)
        asked.append(await reader.readexactly(head[4] + 2))
        writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        await reader.readuntil(b"{}")
        writer.write(whole(b"ok", "connection: close"))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(socks, "127.0.0.1", 0) as server:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        transport = create_transport("httpx", verify=False)
        endpoint = Endpoint.parse("http://upstream.example/v1")
        async with await transport.send(endpoint, [], b"{}", PATIENT) as answer:
            assert await answer.read(100) == b"ok"
        await transport.aclose()
    assert asked == [b"upstream.example\x00\x50"]
