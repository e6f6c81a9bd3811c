"""The `dragoman` command: `serve`, `check`, `translate`, `codex-config`.

Exit status of `serve`: 0 after SIGTERM or SIGINT, 1 where it cannot listen or start, 2 for a configuration that cannot
be used. `check` and `translate`: 1 for what they were asked to find fault with. Flags reach the configuration as the
environment variables that they stand for, so that worker processes inherit them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import msgspec

from proxy.config import (
    CONFIG_VARIABLE,
    HOST_VARIABLE,
    LOG_LEVEL_VARIABLE,
    PORT_VARIABLE,
    WORKERS_VARIABLE,
    Config,
    ConfigError,
    LogLevel,
    load_config,
)
from proxy.dialect_report import dialect_lines
from proxy.log import configure_logging
from proxy.routing import Router, is_pattern
from translators.errors import BridgeError


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    return run(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dragoman", description="A Responses API for any Chat Completions backend.")
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(required=True, metavar="serve|check|translate|doctor|codex-config")
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

    doctor = commands.add_parser(
        "doctor", parents=[file], help="find out an upstream's dialect with some fifty tiny requests"
    )
    doctor.add_argument("upstream", help="its name in the configuration")
    doctor.add_argument("--model", required=True, help="the model to ask, as the upstream knows it")
    doctor.set_defaults(run=_doctor)

    codex = commands.add_parser("codex-config", parents=[file], help="print what Codex CLI needs in its config.toml")
    codex.add_argument("--model", help="the model to begin with (else the first of the configuration)")
    codex.add_argument("--catalogue", type=Path, metavar="FILE", help="write the model catalogue there, and name it")
    codex.add_argument("--base-url", metavar="URL", help="where Codex finds the proxy, if not on this machine")
    codex.set_defaults(run=_codex_config)
    return parser


class _ShowVersion(argparse.Action):
    """argparse's own `version` action wants the text before anybody asks for it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        _print(f"dragoman {_version()}")
        parser.exit()


def _version() -> str:
    import importlib.metadata  # here: as slow to load as a tenth of the program

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
    routes = _router(config).entries()
    for route in routes:
        sent = "(as asked)" if is_pattern(route.name) and route.model == route.name else route.model
        url = route.upstream.base_url or "(embedded)"
        rows.append((route.name, route.upstream_name, url, sent, route.dialect.name))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        _print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for line in dialect_lines(routes):
        _print(line)
    return 0


def _router(config: Config) -> Router:
    """Its undecided upstreams have been asked."""
    router = Router(config)
    if router.undecided:
        from proxy.recognition import recognise

        recognise(router, config.upstreams)
    return router


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
    _print(msgspec.json.format(result.body, indent=2).decode())
    return 0


def _codex_config(arguments: argparse.Namespace) -> int:
    from proxy.codex_config import encode_catalogue, provider_block, read_catalogue

    try:
        config = load_config(_path(arguments), os.environ)
    except ConfigError as error:
        return _fail(str(error), status=2)
    file: Path | None = arguments.catalogue
    if file is not None:
        try:
            file.write_text(encode_catalogue(read_catalogue(config)), encoding="utf-8")
        except OSError as error:
            return _fail(f"dragoman: cannot write {file}: {error.strerror}", status=1)
    model: str | None = arguments.model or next(iter(Router(config).names()), None)
    _print(provider_block(config, model=model, catalogue=file, base_url=arguments.base_url).rstrip())
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    import asyncio

    from proxy.doctor import diagnose, reachable
    from proxy.local_server import LocalServerUnavailable

    try:
        config = load_config(_path(arguments), os.environ)
    except ConfigError as error:
        return _fail(str(error), status=2)
    if arguments.upstream not in config.upstreams:
        return _fail(f"There is no upstream '{arguments.upstream}'. Known: {', '.join(config.upstreams)}.", status=2)
    try:
        with reachable(config, arguments.upstream) as running:
            diagnosis = asyncio.run(diagnose(running, arguments.upstream, arguments.model))
    except LocalServerUnavailable as error:
        return _fail(str(error), status=2)
    except BridgeError as error:
        return _fail(error.envelope().decode(), status=1)
    for line in diagnosis.lines():
        _print(line)
    _complain(f"({diagnosis.asked} requests)")
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
    from proxy.serve import serve

    configure_logging(config.server.log_level)
    return serve(config, overrides)


def _path(arguments: argparse.Namespace) -> Path | None:
    return None if arguments.config is None else Path(arguments.config)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _fail(message: str, *, status: int) -> int:
    _complain(message)
    return status
