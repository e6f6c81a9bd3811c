"""No header, method or URL can smuggle a second line or a second request into the first."""

from __future__ import annotations

import pytest

from proxy.transports import Endpoint, Transport
from proxy.transports.fields import check_fields
from tests.transports.wire import PATIENT, ScriptedServer, answering, whole

UNSAFE = {
    "line feed in a value": ("x-key", "secret\nx: y"),
    "carriage return in a value": ("x-key", "secret\rx: y"),
    "NUL in a value": ("x-key", "secret\0"),
    "beyond latin-1": ("x-key", "secret\u20ac"),
    "line end in a name": ("x\r\ny", "secret"),
    "colon in a name": ("x:y", "secret"),
    "space in a name": ("x y", "secret"),
    "empty name": ("", "secret"),
    "content-length": ("Content-Length", "3"),
    "transfer-encoding": ("transfer-encoding", "chunked"),
    "host": ("HOST", "elsewhere"),
}


@pytest.mark.parametrize("name", UNSAFE)
async def test_refused_before_anything_is_sent(transport: Transport, name: str) -> None:
    async with ScriptedServer(answering(whole(b""))) as server:
        with pytest.raises(ValueError, match="header") as caught:
            await transport.send(server.endpoint(), [UNSAFE[name]], b"{}", PATIENT)
        assert "secret" not in str(caught.value)
        assert server.peers == []


@pytest.mark.parametrize("method", ["", "GET /", "GET\r\nx: y", "G\u00cbT"])
async def test_method_refused(transport: Transport, unheard: Endpoint, method: str) -> None:
    with pytest.raises(ValueError, match="method"):
        await transport.send(unheard, [], b"{}", PATIENT, method)


def test_usual_headers_pass() -> None:
    check_fields([("Authorization", "Bearer sk-\t1"), ("x-title", "caf\u00e9"), ("openai-organization", "")])
