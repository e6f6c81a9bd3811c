"""Marks everything in this folder, so that the usual run leaves it out."""

import gc
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.chat_backend import ChatBackend
from tests.support.live import said

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.faults)


@pytest.fixture(autouse=True)
def _own_garbage() -> Iterator[None]:
    """Blames what is left open on the test that left it. Its loop is closed before this."""
    yield
    gc.collect()


@pytest.fixture
async def backend() -> AsyncIterator[ChatBackend]:
    """An upstream that always says the same."""
    async with ChatBackend() as backend:
        backend.always(said("Hel", "lo"))
        yield backend
