"""Why a connection could not be made is told, with no part of an address that may be secret."""

from __future__ import annotations

import socket
import ssl

import pytest

from proxy.transports import ConnectFailed, Endpoint, Transport, create_transport
from proxy.transports.reasons import reason_of
from tests.transports.wire import PATIENT, Peer, ScriptedServer, answering, whole


async def _failure(transport: Transport, endpoint: Endpoint) -> ConnectFailed:
    with pytest.raises(ConnectFailed) as caught:
        await transport.send(endpoint, [], b"{}", PATIENT)
    return caught.value


async def test_nobody_listens(transport: Transport, unheard: Endpoint) -> None:
    assert "connection refused" in (await _failure(transport, unheard)).reason


async def test_a_name_without_an_address(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    failure = await _failure(transport, Endpoint.parse("http://nowhere.invalid/v1?key=secret"))
    assert "resolved (DNS)" in failure.reason
    assert "secret" not in str(failure)


async def test_a_server_without_tls(transport: Transport) -> None:
    async def plain(peer: Peer) -> None:
        await peer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with ScriptedServer(plain) as server:
        endpoint = Endpoint.parse(f"https://127.0.0.1:{server.port}/")
        assert "TLS failed" in (await _failure(transport, endpoint)).reason


@pytest.mark.parametrize("kind", ["native", "httpx"])
async def test_a_certificate_of_nobody(kind: str, authority: object) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)  # type: ignore[attr-defined]
    verifying = create_transport(kind, idle_limit=3600)
    async with ScriptedServer(answering(whole(b"ok")), context) as server:
        assert "certificate is not accepted" in (await _failure(verifying, server.endpoint())).reason
    await verifying.aclose()


def test_all_addresses_of_a_name_fail() -> None:
    error = OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 1), [Errno 113] No route to host")
    assert "connection refused" in reason_of(error)
