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
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from proxy.app import create_app
from proxy.config import Config, ModelSettings, ServerSettings, StoreSettings, UpstreamSettings
from proxy.serving.start import uvicorn_settings
from proxy.store import Store
from tests.support.chat_backend import Answer, sse_answer

_TURNS_TO_CLOSE = 5


class LiveServer(uvicorn.Server):
    """Leaves the signals of the process to the tests, and the moment of its end, which it does not poll for."""

    def __init__(self, settings: uvicorn.Config) -> None:
        super().__init__(settings)
        self._serving = asyncio.Event()
        self._leaving = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._serving.set()

    async def started_with(self, task: asyncio.Task[None]) -> None:
        """Until it serves; raises what `task`, which runs it, ended with before that."""
        serving = asyncio.ensure_future(self._serving.wait())
        await asyncio.wait([task, serving], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            serving.cancel()
            await task

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._leaving.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # As uvicorn does, but for the tenth of a second that it always waits for idle connections to close.
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for _ in range(_TURNS_TO_CLOSE):
            await asyncio.sleep(0)
        await self._wait_tasks_to_complete()
        if not self.force_exit:
            await self.lifespan.shutdown()

    def leave(self) -> None:
        self._leaving.set()


def config_for(base_url: str, *, store: StoreSettings | None = None, **server: Any) -> Config:
    """Every model name goes to one upstream."""
    return Config(
        server=ServerSettings(**server),
        upstreams={"up": UpstreamSettings(base_url=base_url, dialect="generic")},
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
        self._server = LiveServer(self._settings)
        self._task = asyncio.ensure_future(self._server.serve(sockets=[listener]))
        await self._server.started_with(self._task)
        self.client: Any = AsyncOpenAI(
            base_url=self.url, api_key=self._key, max_retries=0, http_client=DefaultAsyncHttpxClient(verify=False)
        )
        self.http = httpx2.AsyncClient(
            base_url=self.url, headers={"authorization": f"Bearer {self._key}"}, timeout=30.0, verify=False
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.close()
        await self.http.aclose()
        self._server.leave()
        self._server.force_exit = error is not None
        await self._task


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return base | fields


USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
WHOLE: dict[str, Any] = {
    "choices": [{"index": 0, "message": {"content": "Hi."}, "finish_reason": "stop"}],
    "usage": USAGE,
}


def said(*texts: str, finish: str = "stop") -> Answer:
    """A streamed answer of these pieces of text."""
    pieces = [chunk({"content": text}) for text in texts]
    return sse_answer([*pieces, chunk(finish=finish), chunk(choices=[], usage=USAGE)])


async def ended(proxy: LiveProxy, response_id: str) -> Any:
    """The response once it has ended; the test's own time limit bounds the polling."""
    async with asyncio.timeout(30):
        while True:
            response = await proxy.client.responses.retrieve(response_id)
            if response.status not in ("queued", "in_progress"):
                return response
            await asyncio.sleep(0.02)
