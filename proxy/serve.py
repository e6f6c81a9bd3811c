"""`serve(config, overrides)`: from a configuration to a server at work, and back to nothing.

The port is taken first, then the embedded servers start, then uvicorn runs, here or in worker processes. SIGTERM and
SIGINT end it at any of these points: requests under way are answered, the embedded servers stop, the result is 0.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from types import FrameType
from typing import Any, Self, cast

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from proxy.config import LOCAL_BASE_URLS_VARIABLE, Config, local_base_urls_value, with_base_urls, with_data_dir
from proxy.dead_peers import ask_when_silent
from proxy.http_protocol import HttpProtocol
from proxy.local_server import LocalServer, LocalServerUnavailable, LocalSettings
from proxy.log import logging_settings
from proxy.memory import settle_memory
from proxy.net.connections import ConnectionLimits, Connections
from proxy.net.descriptors import within_descriptors
from proxy.redaction import Redactor
from proxy.routing import names_shown
from proxy.store import StoreError

_log = logging.getLogger(__name__)

_BACKLOG = 2048
_GRACEFUL_SHUTDOWN_SECONDS = 25  # within the 30 that Kubernetes allows


def serve(config: Config, overrides: Mapping[str, str], *, source: str) -> int:
    """Serves until a signal, and returns the exit status.

    `overrides` are the variables that worker processes need besides; `source` names where the configuration is from.
    """
    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(_StopSignals())
        try:
            listener = stack.enter_context(_listen(config.server.host, config.server.port))
        except OSError as error:
            return _fail(f"cannot listen on {config.server.host}:{config.server.port}: {error.strerror}", status=1)
        try:
            base_urls = _start_local_servers(config, stack, stop)
        except LocalServerUnavailable as error:
            return _fail(str(error), status=2)
        if stop.received:
            return 0
        if config.server.workers == 1:
            return _serve_here(with_base_urls(config, base_urls), listener, stop, source)
        os.environ.update(overrides)
        os.environ[LOCAL_BASE_URLS_VARIABLE] = local_base_urls_value(base_urls)
        return _serve_in_workers(config, listener, stop, source)


class _StopSignals:
    """SIGTERM and SIGINT noted, wherever they strike. Nothing is interrupted: what waits has to look."""

    def __init__(self) -> None:
        self.received = False
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._woken.close()
        self._waker.close()

    def wait_for(self, future: Future[Any]) -> None:
        """Until the future is done or a signal was received."""
        future.add_done_callback(lambda _: self._wake())
        while not (future.done() or self.received):
            self._woken.recv(1)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = True
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: it is awake already; closed: nobody waits any more
            self._waker.send(b"\0")


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens already: a second process learns at once that the port is taken."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ask_when_silent(listener)  # a client that is gone need not be answered
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _start_local_servers(config: Config, stack: contextlib.ExitStack, stop: _StopSignals) -> dict[str, str]:
    """Start an embedded server for each upstream that wants one and that a model uses; they end with the stack."""
    used = {model.upstream for model in config.models.values()}
    servers = {
        name: LocalServer(LocalSettings(upstream.model_path, upstream.context_size, upstream.threads))
        for name, upstream in config.upstreams.items()
        if upstream.kind == "local" and name in used
    }
    # Threads, because starting takes seconds in which a signal must be seen; leaving a server ends its start too.
    threads = stack.enter_context(ThreadPoolExecutor(max_workers=len(servers) or 1))
    starts = []
    for server in servers.values():
        stack.push(server)
        starts.append(threads.submit(server.__enter__))
    for start in starts:
        stop.wait_for(start)
        if stop.received:
            return {}
        start.result()
    return {name: server.base_url for name, server in servers.items()}


def _serve_here(config: Config, listener: socket.socket, stop: _StopSignals, source: str) -> int:
    from proxy.app import create_app

    try:
        app = create_app(with_data_dir(config, os.environ))
    except StoreError as error:  # the key that seals
        return _fail(error.message, status=1)
    settings = uvicorn_settings(app, config)
    settle_memory()
    try:
        _Server(settings, _announcement(config, listener, source), stop).run(sockets=[listener])
    except SystemExit:  # uvicorn's answer to an application that does not start; it has logged why
        return 1
    return 0


def _serve_in_workers(config: Config, listener: socket.socket, stop: _StopSignals, source: str) -> int:
    if config.store.kind == "memory":
        _log.warning("each worker remembers its own responses only", extra={"workers": config.server.workers})
    settings = uvicorn_settings("proxy.app:create_app_from_environment", config, factory=True)
    supervisor = _Supervisor(settings, listener, _announcement(config, listener, source))
    if stop.received:  # before the supervisor took the signals over
        return 0
    supervisor.run()
    return 1 if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes) else 0


def uvicorn_settings(app: Any, config: Config, *, factory: bool = False) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=factory,
        workers=config.server.workers,
        loop="auto",  # uvloop, where the platform has it
        http=cast(
            "type[asyncio.Protocol]",
            partial(HttpProtocol, connections=Connections(within_descriptors(ConnectionLimits.of(config.server)))),
        ),
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
        backlog=_BACKLOG,
        timeout_keep_alive=config.server.idle_timeout,  # type: ignore[arg-type]  # seconds for the event loop
        timeout_graceful_shutdown=_GRACEFUL_SHUTDOWN_SECONDS,
    )


def _websocket_protocol(*arguments: Any, **options: Any) -> asyncio.Protocol:
    """Imported when the first client asks for it: it takes a tenth of a second and a megabyte."""
    from proxy.websocket_protocol import WebSocketProtocol

    return WebSocketProtocol(*arguments, **options)


class _Server(uvicorn.Server):
    """Tells when it serves."""

    def __init__(self, settings: uvicorn.Config, announcement: str, stop: _StopSignals) -> None:
        super().__init__(settings)
        self._announcement = announcement
        self._stop = stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._stop.received:  # before uvicorn took the signals over
            self.should_exit = True
        else:
            _say(self._announcement)


class _Supervisor(Multiprocess):
    """Tells when all its workers serve."""

    def __init__(self, settings: uvicorn.Config, listener: socket.socket, announcement: str) -> None:
        super().__init__(settings, [listener])
        self._announcement: str | None = announcement

    def keep_subprocess_alive(self) -> None:
        super().keep_subprocess_alive()
        if self._announcement is None or self.should_exit.is_set():
            return
        # A worker that has ended answers nobody, and asking it would take as long as waiting for one that hangs.
        if all(process.process.is_alive() and process.is_ready() for process in self.processes):
            _say(self._announcement)
            self._announcement = None


def _announcement(config: Config, listener: socket.socket, source: str) -> str:
    host = f"[{config.server.host}]" if ":" in config.server.host else config.server.host
    address = f"http://{host}:{listener.getsockname()[1]}"
    return f"dragoman listens on {address} (models: {names_shown(config)}; configuration: {source})"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _fail(message: str, *, status: int) -> int:
    sys.stderr.write(f"dragoman: {message}\n")
    return status
