"""Fixtures shared by the whole suite, and how hard hypothesis tries."""

import logging
import os
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from proxy.local_model.server import LocalServer, LocalSettings
from tests.support.chat_backend import ChatBackend
from tests.support.live import LiveProxy, config_for
from tests.support.postgres import PostgresServer, running_postgres

# No deadline and no health check on time: what passes must not depend on the machine's speed.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", _PATIENT, max_examples=20)
settings.register_profile("thorough", _PATIENT, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(scope="session")
def local_llm() -> Iterator[str]:
    """The base URL of a real llama.cpp server with a small model, started once."""
    with LocalServer(LocalSettings(context_size=4096)) as server:
        yield server.base_url


@pytest.fixture(scope="session", autouse=True)
def _state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test writes into the state directory of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _log_written() -> Iterator[None]:
    """What the last event loop told, and left to be written, is written before pytest closes the stream for it."""
    yield
    for handler in logging.getLogger().handlers:
        handler.flush()


@pytest.fixture
async def backend() -> AsyncIterator[ChatBackend]:
    """A scripted upstream."""
    async with ChatBackend(extra={"reasoning_content"}) as backend:
        yield backend


@pytest.fixture
async def proxy(backend: ChatBackend) -> AsyncIterator[LiveProxy]:
    """A proxy in front of it."""
    async with LiveProxy(config_for(backend.base_url)) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL server, started once."""
    with running_postgres() as server:
        if server is None:
            pytest.skip("no PostgreSQL: install the dev dependencies")
        yield server
