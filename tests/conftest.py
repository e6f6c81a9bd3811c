"""Fixtures shared by the whole suite, and how hard hypothesis tries."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from proxy.local_server import LocalServer, LocalSettings

# No deadline and no health check on time: what passes must not depend on the machine's speed.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", _PATIENT, max_examples=25)
settings.register_profile("thorough", _PATIENT, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(scope="session")
def local_llm() -> Iterator[str]:
    """The base URL of a real llama.cpp server with a small model, started once."""
    with LocalServer(LocalSettings(context_size=4096)) as server:
        yield server.base_url
