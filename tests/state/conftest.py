"""A scripted upstream and a proxy in front of it."""

from collections.abc import AsyncIterator

import pytest

from tests.support.chat_backend import ChatBackend
from tests.support.live import LiveProxy, config_for


@pytest.fixture
async def backend() -> AsyncIterator[ChatBackend]:
    async with ChatBackend(extra={"reasoning_content"}) as backend:
        yield backend


@pytest.fixture
async def proxy(backend: ChatBackend) -> AsyncIterator[LiveProxy]:
    async with LiveProxy(config_for(backend.base_url)) as proxy:
        yield proxy
