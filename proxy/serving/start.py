"""What a serving process is made of, in the one that was started or in a worker: `create_server` and its settings."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import uvicorn

from proxy.config import Config, with_data_dir
from proxy.process.aside import let_the_loop_in
from proxy.process.drain import Drain
from proxy.process.memory import settle_memory
from proxy.serving.connections import ConnectionLimits, Connections
from proxy.serving.descriptors import within_descriptors
from proxy.serving.http_protocol import HttpProtocol
from proxy.serving.server import DrainingServer, DrainTimes
from proxy.telemetry.log import logging_settings
from proxy.upstream.redaction import Redactor

BACKLOG = 2048


def create_server(config: Config, *, attended: bool, on_started: Callable[[], None]) -> DrainingServer:
    """A server of the application; `on_started` is called when it serves. Raises what keeps the application from being
    made; what keeps it from being opened is raised when the server runs."""
    from proxy.app import create_app

    drain = Drain()
    application = create_app(with_data_dir(config, os.environ), drain=drain)
    settings = uvicorn_settings(application, config, drain)
    settle_memory()
    let_the_loop_in()
    times = drain_times(config, attended=attended)
    return DrainingServer(settings, application, drain, times, on_started=on_started)


def drain_times(config: Config, *, attended: bool) -> DrainTimes:
    return DrainTimes(config.server.drain_delay, config.server.drain_timeout, attended)


def uvicorn_settings(app: Any, config: Config, drain: Drain | None = None) -> uvicorn.Config:
    """`drain` is that of the server, if it moves one on."""
    connections = Connections(within_descriptors(ConnectionLimits.of(config.server)))
    return uvicorn.Config(
        app,
        loop="auto",  # uvloop, where the platform has it
        http=cast("type[asyncio.Protocol]", partial(HttpProtocol, connections=connections, drain=drain)),
        ws=cast("type[asyncio.Protocol]", _websocket_protocol),
        ws_max_size=config.server.max_message_bytes,
        ws_per_message_deflate=False,
        lifespan="on",
        interface="asgi3",
        log_config=logging_settings(config.server.log_level, Redactor.of(config)),
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=config.server.idle_timeout,  # type: ignore[arg-type]  # seconds for the event loop
    )


def _websocket_protocol(*arguments: Any, **options: Any) -> asyncio.Protocol:
    """Imported when the first client asks for it: it takes a tenth of a second and a megabyte."""
    from proxy.serving.websocket_protocol import WebSocketProtocol

    return WebSocketProtocol(*arguments, **options)
