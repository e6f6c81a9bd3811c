"""`LiveProxy`: the whole application behind a real socket, within the test's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import httpx2
import uvicorn
from openai import AsyncOpenAI

from proxy.app import create_app
from proxy.config import Config, ModelSettings, ServerSettings, StoreSettings, UpstreamSettings
from proxy.serve import uvicorn_settings
from proxy.store import Store
from tests.chat_backend import Answer, sse_answer


class _Server(uvicorn.Server):
    """Leaves the signals of the process to the tests."""

    def __init__(self, settings: uvicorn.Config) -> None:
        super().__init__(settings)
        self.serving = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serving.set()


def config_for(base_url: str, *, store: StoreSettings | None = None, **server: Any) -> Config:
    """Every model name goes to one upstream."""
    return Config(
        server=ServerSettings(**server),
        upstreams={"up": UpstreamSettings(base_url=base_url)},
        models={"*": ModelSettings(upstream="up")},
        store=store or StoreSettings(kind="memory"),
    )


class LiveProxy:
    """`url` ends in `/v1`; `client` is the official SDK, `http` a bare client of the same address."""

    def __init__(self, config: Config, store: Store | None = None, *, key: str = "key") -> None:
        self._settings = uvicorn_settings(create_app(config, store=store), config)
        self._key = key

    async def __aenter__(self) -> Self:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        self.port: int = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._server = _Server(self._settings)
        self._task = asyncio.ensure_future(self._server.serve(sockets=[listener]))
        started = asyncio.ensure_future(self._server.serving.wait())
        await asyncio.wait([self._task, started], return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            await self._task
        self.client: Any = AsyncOpenAI(base_url=self.url, api_key=self._key, max_retries=0)
        self.http = httpx2.AsyncClient(
            base_url=self.url, headers={"authorization": f"Bearer {self._key}"}, timeout=30.0
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.close()
        await self.http.aclose()
        self._server.should_exit = True
        self._server.force_exit = error is not None
        await self._task


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return base | fields


USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}


def said(*texts: str, finish: str = "stop") -> Answer:
    """A streamed answer of these pieces of text."""
    pieces = [chunk({"content": text}) for text in texts]
    return sse_answer([*pieces, chunk(finish=finish), chunk(choices=[], usage=USAGE)])
