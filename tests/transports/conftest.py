"""Every test here runs on asyncio's own event loop and on uvloop; one that asks for `transport`, over both kinds."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import trustme

from proxy.transports import Endpoint, Transport, create_transport


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if importlib.util.find_spec("uvloop"):
        import uvloop

        factories["uvloop"] = uvloop.new_event_loop
    return factories


@pytest.fixture(autouse=True)
def _no_environment_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(params=["native", "httpx"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def transport(kind: str) -> AsyncIterator[Transport]:
    # Without TLS to verify, the system's authorities need not be loaded for each test.
    transport = create_transport(kind, verify=False, idle_limit=3600)
    yield transport
    await transport.aclose()


@pytest.fixture
async def native() -> AsyncIterator[Transport]:
    transport = create_transport("native", verify=False, idle_limit=3600)
    yield transport
    await transport.aclose()


@pytest.fixture
def unheard() -> Iterator[Endpoint]:
    """Where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield Endpoint.parse(f"http://127.0.0.1:{bound.getsockname()[1]}/")


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA) -> Iterator[str]:
    with authority.cert_pem.tempfile() as path:
        yield path
