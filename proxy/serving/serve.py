"""`serve(config, overrides)`: from a configuration to a server at work, and back to nothing.

The port is taken first, then the embedded servers start, then the server runs, here or in worker processes. SIGTERM and
SIGINT end it at any of these points: it drains (`serving/server.py`), the embedded servers stop, the result is 0.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from proxy.config import LOCAL_BASE_URLS_VARIABLE, Config, local_base_urls_value, with_base_urls, with_data_dir
from proxy.local_model.server import LocalServer, LocalServerUnavailable, LocalSettings
from proxy.net.tcp_keepalive import enable_keepalive
from proxy.serving.signals import HANGUP_IGNORED, Signals
from proxy.serving.start import BACKLOG, create_server, drain_times
from proxy.serving.start_errors import start_error
from proxy.upstream.routing import names_shown

_log = logging.getLogger(__name__)


def serve(config: Config, overrides: Mapping[str, str], *, source: str) -> int:
    """Serves until a signal, and returns the exit status.

    `overrides` are the variables that worker processes need besides; `source` names where the configuration is from.
    """
    with contextlib.ExitStack() as stack:
        signals = stack.enter_context(Signals())
        try:
            listener = stack.enter_context(_listen(config.server.host, config.server.port))
        except OSError as error:
            return _fail(f"cannot listen on {config.server.host}:{config.server.port}: {error.strerror}", status=1)
        try:
            base_urls = _start_local_servers(config, stack, signals)
        except LocalServerUnavailable as error:
            return _fail(str(error), status=2)
        if signals.stopped:
            return 0
        if config.server.workers == 1:
            return _serve_here(with_base_urls(config, base_urls), listener, signals, source)
        os.environ.update(overrides)
        os.environ[LOCAL_BASE_URLS_VARIABLE] = local_base_urls_value(base_urls)
        return _serve_in_workers(config, listener, signals, source)


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens already: a second process learns at once that the port is taken."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        enable_keepalive(listener)  # a client that is gone need not be answered
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _start_local_servers(config: Config, stack: contextlib.ExitStack, signals: Signals) -> dict[str, str]:
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
        signals.wait_for(start)
        if signals.stopped:
            return {}
        start.result()
    return {name: server.base_url for name, server in servers.items()}


def _serve_here(config: Config, listener: socket.socket, signals: Signals, source: str) -> int:
    attended = _is_attended()
    stopped = False

    def hear(number: signal.Signals) -> None:
        nonlocal stopped
        if number is signal.SIGHUP:
            server.call(partial(_log.info, HANGUP_IGNORED))
        elif stopped:
            server.hurry()
        else:
            stopped = True
            server.stop(number.name, patient=not (attended and number is signal.SIGINT))

    try:
        server = create_server(
            config, attended=attended, on_started=partial(_say, _announcement(config, listener, source))
        )
        with signals.told_to(hear):
            server.run([listener])
    except Exception as error:
        known = start_error(error)
        return _fail(known.message, status=known.status)
    return 0


def _serve_in_workers(config: Config, listener: socket.socket, signals: Signals, source: str) -> int:
    from proxy.serving.supervisor import Supervisor

    store = with_data_dir(config, os.environ).store
    if store.kind == "memory" or (store.kind == "sqlite" and store.data_dir is None):
        _log.warning("each worker remembers its own responses only", extra={"workers": config.server.workers})
    failed = Supervisor(
        config.server.workers,
        listener,
        drain_times(config, attended=_is_attended()),
        signals,
        on_started=partial(_say, _announcement(config, listener, source)),
    ).run()
    return 0 if failed is None else _fail(failed.message, status=failed.status)


def _is_attended() -> bool:
    """Whether someone watches from a terminal. Whoever presses Ctrl-C waits for the prompt, and has no load balancer in
    front that would have to be told first."""
    return sys.stdin is not None and sys.stdin.isatty()


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
