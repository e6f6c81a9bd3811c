"""A proxy with the configuration that a section of docs/standing-in.md shows, and a scripted upstream behind it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from proxy.config import StoreSettings, load_config
from tests.support.chat_backend import ChatBackend
from tests.support.command import ROOT
from tests.support.live import LiveProxy

PAGE = (ROOT / "docs" / "standing-in.md").read_text()


@pytest.fixture
async def backend() -> AsyncIterator[ChatBackend]:
    async with ChatBackend() as backend:
        yield backend


@contextlib.asynccontextmanager
async def standing_in(name: str, backend: ChatBackend, folder: Path) -> AsyncIterator[LiveProxy]:
    """The server that stands in for `name`, with its responses in memory."""
    [text] = re.findall(rf"^## {name}\n\n```yaml\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
    file = folder / "config.yaml"
    file.write_text(text.replace("http://127.0.0.1:8000/v1", backend.base_url))
    config = load_config(file, {})
    store: StoreSettings = msgspec.structs.replace(config.store, kind="memory")
    async with LiveProxy(msgspec.structs.replace(config, store=store)) as proxy:
        yield proxy
