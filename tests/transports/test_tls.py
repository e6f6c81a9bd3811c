"""TLS: the server must be who the URL names, unless the caller said that it need not be."""

from __future__ import annotations

import ssl

import pytest
import trustme

from proxy.transports import ConnectFailed, ConnectionCut, create_transport
from proxy.transports.tls import client_context
from tests.transports.wire import CHUNKED, LAST_CHUNK, PATIENT, Peer, ScriptedServer, answering, chunk, whole


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    authority.issue_cert("localhost").configure_cert(context)
    return context


async def test_verified(kind: str, tls: ssl.SSLContext, ca_file: str) -> None:
    names: list[str | None] = []
    tls.sni_callback = lambda _socket, name, _context: names.append(name)
    transport = create_transport(kind, ca_file=ca_file)
    async with ScriptedServer(answering(whole(b"1"), CHUNKED + chunk(b"2") + LAST_CHUNK), tls) as server:
        for body in (b"1", b"2"):
            async with await transport.send(server.endpoint(host="localhost"), [], b"{}", PATIENT) as answer:
                assert await answer.read(10) == body
        (peer,) = server.peers
        assert peer.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        assert names == ["localhost"]
        await transport.aclose()
        await peer.closed.wait()


async def test_unknown_authority(kind: str, tls: ssl.SSLContext) -> None:
    transport = create_transport(kind)
    async with ScriptedServer(answering(whole(b"")), tls) as server:
        with pytest.raises(ConnectFailed, match="certificate"):
            await transport.send(server.endpoint(host="localhost"), [], b"{}", PATIENT)
        await transport.aclose()


async def test_authorities_when_needed(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str | None] = []

    def load(*, verify: bool, ca_file: str | None) -> ssl.SSLContext:
        loaded.append(ca_file)
        return client_context(verify=verify, ca_file=ca_file)

    monkeypatch.setattr("proxy.transports.native.client_context", load)
    transport = create_transport("native", secure=False)
    assert not loaded
    async with ScriptedServer(answering(whole(b"")), tls) as server:
        with pytest.raises(ConnectFailed, match="certificate"):
            await transport.send(server.endpoint(host="localhost"), [], b"{}", PATIENT)
    await transport.aclose()
    assert loaded == [None]
    await create_transport("native").aclose()
    assert loaded == [None, None]


async def test_another_name(kind: str, tls: ssl.SSLContext, ca_file: str) -> None:
    transport = create_transport(kind, ca_file=ca_file)
    async with ScriptedServer(answering(whole(b"")), tls) as server:
        with pytest.raises(ConnectFailed, match="certificate"):
            await transport.send(server.endpoint(host="127.0.0.1"), [], b"{}", PATIENT)
        await transport.aclose()


async def test_not_verified(kind: str, tls: ssl.SSLContext) -> None:
    transport = create_transport(kind, verify=False)
    async with ScriptedServer(answering(whole(b"ok")), tls) as server:
        async with await transport.send(server.endpoint(), [], b"{}", PATIENT) as answer:
            assert await answer.read(10) == b"ok"
        await transport.aclose()


async def test_a_server_without_tls(kind: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read(1)
        await peer.write(whole(b"plain"))

    transport = create_transport(kind)
    async with ScriptedServer(script) as server:
        endpoint = server.endpoint().url.replace("http:", "https:")
        with pytest.raises(ConnectFailed):
            await transport.send(type(server.endpoint()).parse(endpoint), [], b"{}", PATIENT)
        await transport.aclose()


async def test_cut_in_the_body(kind: str, tls: ssl.SSLContext, ca_file: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(CHUNKED + chunk(b"word"))

    transport = create_transport(kind, ca_file=ca_file)
    async with ScriptedServer(script, tls) as server:
        async with await transport.send(server.endpoint(host="localhost"), [], b"{}", PATIENT) as answer:
            with pytest.raises(ConnectionCut):
                await answer.read(100)
        await transport.aclose()


async def test_leaving_early_closes_the_connection(kind: str, tls: ssl.SSLContext, ca_file: str) -> None:
    transport = create_transport(kind, ca_file=ca_file)
    async with ScriptedServer(answering(CHUNKED + chunk(b"word")), tls) as server:
        async with await transport.send(server.endpoint(host="localhost"), [], b"{}", PATIENT):
            pass
        await (await server.peer()).closed.wait()
        await transport.aclose()


def test_missing_ca_file(kind: str) -> None:
    with pytest.raises(FileNotFoundError):
        create_transport(kind, ca_file="/nonexistent/authority.pem")
