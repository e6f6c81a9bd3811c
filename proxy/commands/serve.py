"""`dragoman serve`: runs the proxy."""

from __future__ import annotations

import argparse
import logging
import os
from typing import get_args

from proxy.commands.configuration import add_config_argument, add_upstream_arguments, overrides_of
from proxy.commands.terminal import fail
from proxy.config import (
    HOST_VARIABLE,
    LOG_LEVEL_VARIABLE,
    PORT_VARIABLE,
    WORKERS_VARIABLE,
    ConfigError,
    LogLevel,
    read_config,
)
from proxy.telemetry.log import configure_logging
from proxy.upstream.redaction import Redactor

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    add_upstream_arguments(parser)
    parser.add_argument("--host", help="the address to listen on")
    parser.add_argument("--port", type=int, help="the port to listen on; 0 takes a free one")
    parser.add_argument("--workers", type=int, help="the number of processes")
    parser.add_argument("--log-level", choices=get_args(LogLevel))


def run(arguments: argparse.Namespace) -> int:
    flags = {
        HOST_VARIABLE: arguments.host,
        PORT_VARIABLE: arguments.port,
        WORKERS_VARIABLE: arguments.workers,
        LOG_LEVEL_VARIABLE: arguments.log_level,
    }
    overrides = overrides_of(arguments) | {name: str(value) for name, value in flags.items() if value is not None}
    try:
        read = read_config(None, {**os.environ, **overrides})
    except ConfigError as error:
        return fail(str(error), status=2)
    from proxy.serving.serve import serve

    configure_logging(read.config.server.log_level, Redactor.of(read.config))
    for warning in read.warnings:
        _log.warning("configuration: %s", warning)
    return serve(read.config, overrides, source="built in" if read.file is None else str(read.file))
