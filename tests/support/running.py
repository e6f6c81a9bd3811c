"""The proxy under test, served by uvicorn on a loopback socket: `async with running(config) as base_url`."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import uvicorn

from proxy.app import create_app
from proxy.config import Config, load_config
from tests.support.chat_backend import ChatBackend
from tests.support.live import LiveServer

Json = dict[str, Any]


def config_for(backend: ChatBackend, *, server: Json | None = None, upstream: Json | None = None, **more: Any) -> Json:
    """A configuration with one upstream and the models `m` and, by pattern, all others.

    The dialect is given, so that the backend is asked for nothing but what a test is about.
    """
    scripted = {"base_url": backend.base_url, "dialect": "generic", **(upstream or {})}
    return {
        "server": server or {},
        "upstreams": {"scripted": scripted},
        "models": {"m": {"upstream": "scripted", "model": "their-name"}, "*": {"upstream": "scripted"}},
        **more,
    }


def read_config(settings: Json, tmp: Any) -> Config:
    """`settings` by way of a file, as a user gives them."""
    path = tmp / "config.yaml"
    path.write_bytes(msgspec.yaml.encode(settings))
    return load_config(path, {})


@contextlib.asynccontextmanager
async def running(config: Config) -> AsyncIterator[str]:
    """Serves `config`. Gives the base URL without a path."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = LiveServer(uvicorn.Config(create_app(config), log_config=None, access_log=False, lifespan="on", ws="none"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await server.started_with(task)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.leave()
        await task
        listener.close()
