"""Fixtures shared by the whole suite."""

from collections.abc import Iterator

import pytest

from proxy.local_server import LocalServer, LocalSettings


@pytest.fixture(scope="session")
def local_llm() -> Iterator[str]:
    """The base URL of a real llama.cpp server with a small model, started once."""
    with LocalServer(LocalSettings(context_size=4096)) as server:
        yield server.base_url
