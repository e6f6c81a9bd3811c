"""A folder for the command, and a backend for it that runs in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chat_backend import ChatBackend
from tests.support.command import Command

LIST = {"object": "list", "data": [{"id": "small", "object": "model"}, {"id": "large", "object": "model"}]}


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path, ("-m", "proxy"))


class BackendThread:
    """A `ChatBackend` for processes that the test waits for; `script` is what it answers, in order."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="backend")
        self._thread.start()
        self.backend = ChatBackend(strict=False)
        self._do(self.backend.__aenter__())

    def _do(self, work: object) -> object:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)  # type: ignore[arg-type]

    @property
    def base_url(self) -> str:
        return self.backend.base_url

    def close(self) -> None:
        self._do(self.backend.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def backend() -> Iterator[BackendThread]:
    thread = BackendThread()
    yield thread
    thread.close()
