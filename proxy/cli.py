"""The `dragoman` command: `serve`, `check`, `translate`.

Exit status of `serve`: 0 after SIGTERM or SIGINT, 1 where it cannot listen or start, 2 for a configuration that cannot
be used. `check` and `translate`: 1 for what they were asked to find fault with. Flags reach the configuration as the
environment variables that they stand for, so that worker processes inherit them.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, get_args

import msgspec
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from proxy.config import (
    CONFIG_VARIABLE,
    HOST_VARIABLE,
    LOCAL_BASE_URLS_VARIABLE,
    LOG_LEVEL_VARIABLE,
    PORT_VARIABLE,
    WORKERS_VARIABLE,
    Config,
    ConfigError,
    LogLevel,
    load_config,
    local_base_urls_value,
    with_base_urls,
)
from proxy.local_server import LocalServer, LocalServerUnavailable, LocalSettings
from proxy.log import configure_logging, logging_settings
from proxy.routing import Router, is_pattern, names_shown
from translators.errors import BridgeError

_log = logging.getLogger(__name__)

_BACKLOG = 2048
_GRACEFUL_SHUTDOWN_SECONDS = 25  # within the 30 that Kubernetes allows
_IDLE_CONNECTION_SECONDS = 75  # longer than clients keep theirs, so that none reuses one that is being closed
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    return run(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dragoman", description="A Responses API for any Chat Completions backend.")
    parser.add_argument("--version", action="version", version=f"dragoman {_version()}")
    commands = parser.add_subparsers(required=True, metavar="serve|check|translate")
    file = argparse.ArgumentParser(add_help=False)
    file.add_argument("--config", help=f"the file to read (else ${CONFIG_VARIABLE}, ./config.yaml, built-in defaults)")

    serve = commands.add_parser("serve", parents=[file], help="run the proxy")
    serve.add_argument("--host", help="the address to listen on")
    serve.add_argument("--port", type=int, help="the port to listen on; 0 takes a free one")
    serve.add_argument("--workers", type=int, help="the number of processes")
    serve.add_argument("--log-level", choices=get_args(LogLevel))
    serve.set_defaults(run=_serve)

    check = commands.add_parser("check", parents=[file], help="read the configuration and show where each model goes")
    check.set_defaults(run=_check)

    translate = commands.add_parser(
        "translate", parents=[file], help="read a Responses request on stdin, print the Chat Completions request"
    )
    translate.add_argument("--model", help="the model name to take instead of the request's own")
    translate.set_defaults(run=_translate)
    return parser


def _version() -> str:
    try:
        return importlib.metadata.version("dragoman")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout
        return "(not installed)"


def _check(arguments: argparse.Namespace) -> int:
    try:
        config = load_config(_path(arguments), os.environ)
    except ConfigError as error:
        return _fail(str(error), status=1)
    rows = [("MODEL", "UPSTREAM", "BASE URL", "SENT MODEL", "DIALECT")]
    for route in Router(config).entries():
        sent = "(as asked)" if is_pattern(route.name) and route.model == route.name else route.model
        url = route.upstream.base_url or "(embedded)"
        rows.append((route.name, route.upstream_name, url, sent, route.dialect.name))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        _say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _translate(arguments: argparse.Namespace) -> int:
    from proxy.translate import translate_command

    try:
        config = load_config(_path(arguments), os.environ)
        result = translate_command(config, sys.stdin.buffer.read(), arguments.model)
    except ConfigError as error:
        return _fail(str(error), status=2)
    except BridgeError as error:
        return _fail(error.envelope().decode(), status=1)
    for adaptation in result.adaptations:
        _complain(str(adaptation))
    _say(msgspec.json.format(result.body, indent=2).decode())
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    flags = {
        CONFIG_VARIABLE: arguments.config,
        HOST_VARIABLE: arguments.host,
        PORT_VARIABLE: arguments.port,
        WORKERS_VARIABLE: arguments.workers,
        LOG_LEVEL_VARIABLE: arguments.log_level,
    }
    overrides = {name: str(value) for name, value in flags.items() if value is not None}
    try:
        config = load_config(None, {**os.environ, **overrides})
    except ConfigError as error:
        return _fail(str(error), status=2)
    configure_logging(config.server.log_level)
    with contextlib.suppress(_Stopped), _stopping_on_signals(), contextlib.ExitStack() as stack:
        try:
            listener = stack.enter_context(_listen(config.server.host, config.server.port))
        except OSError as error:
            place = f"{config.server.host}:{config.server.port}"
            return _fail(f"dragoman: cannot listen on {place}: {error.strerror}", status=1)
        try:
            base_urls = _start_local_servers(config, stack)
        except LocalServerUnavailable as error:
            return _fail(f"dragoman: {error}", status=2)
        if config.server.workers == 1:
            return _run_here(with_base_urls(config, base_urls), listener)
        os.environ.update(overrides)
        os.environ[LOCAL_BASE_URLS_VARIABLE] = local_base_urls_value(base_urls)
        return _run_workers(config, listener)
    return 0


class _Stopped(BaseException):
    """A signal asked the process to end; raised where it is, so that every `with` block is left."""


@contextlib.contextmanager
def _stopping_on_signals() -> Iterator[None]:
    """Let the first signal raise _Stopped, and the clean-up that follows run undisturbed by others."""

    def stop(number: int, frame: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise _Stopped

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens already: a second process learns at once that the port is taken."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _start_local_servers(config: Config, stack: contextlib.ExitStack) -> dict[str, str]:
    """Start an embedded server for each upstream that wants one and that a model uses; they end with the stack."""
    used = {model.upstream for model in config.models.values()}
    base_urls = {}
    for name, upstream in config.upstreams.items():
        if upstream.kind == "local" and name in used:
            settings = LocalSettings(upstream.model_path, upstream.context_size, upstream.threads)
            base_urls[name] = stack.enter_context(LocalServer(settings)).base_url
    return base_urls


def _run_here(config: Config, listener: socket.socket) -> int:
    from proxy.app import create_app

    settings = _uvicorn_settings(create_app(config), config)
    try:
        _Server(settings, _announcement(config, listener)).run(sockets=[listener])
    except SystemExit:  # uvicorn's answer to an application that does not start; it has logged why
        return 1
    return 0


def _run_workers(config: Config, listener: socket.socket) -> int:
    if config.store.kind == "memory":
        _log.warning("each worker remembers its own responses only", extra={"workers": config.server.workers})
    settings = _uvicorn_settings("proxy.app:create_app_from_environment", config, factory=True)
    supervisor = _Supervisor(settings, listener, _announcement(config, listener))
    supervisor.run()
    return 1 if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes) else 0


def _uvicorn_settings(app: Any, config: Config, *, factory: bool = False) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=factory,
        workers=config.server.workers,
        loop="auto",  # uvloop, where the platform has it
        http="httptools",
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=logging_settings(config.server.log_level),
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_IDLE_CONNECTION_SECONDS,
        timeout_graceful_shutdown=_GRACEFUL_SHUTDOWN_SECONDS,
    )


class _Server(uvicorn.Server):
    """Tells when it serves."""

    def __init__(self, settings: uvicorn.Config, announcement: str) -> None:
        super().__init__(settings)
        self._announcement = announcement

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _say(self._announcement)


class _Supervisor(Multiprocess):
    """Tells when all its workers serve."""

    def __init__(self, settings: uvicorn.Config, listener: socket.socket, announcement: str) -> None:
        super().__init__(settings, [listener])
        self._announcement: str | None = announcement

    def keep_subprocess_alive(self) -> None:
        super().keep_subprocess_alive()
        if self._announcement is not None and all(process.is_ready() for process in self.processes):
            _say(self._announcement)
            self._announcement = None


def _announcement(config: Config, listener: socket.socket) -> str:
    host = f"[{config.server.host}]" if ":" in config.server.host else config.server.host
    return f"dragoman listens on http://{host}:{listener.getsockname()[1]} (models: {names_shown(config)})"


def _path(arguments: argparse.Namespace) -> Path | None:
    return None if arguments.config is None else Path(arguments.config)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _fail(message: str, *, status: int) -> int:
    _complain(message)
    return status
