"""`dragoman serve`: runs the proxy."""

from __future__ import annotations

import argparse
import os
from typing import get_args

from proxy.commands.configuration import add_config_argument
from proxy.commands.terminal import fail
from proxy.config import (
    CONFIG_VARIABLE,
    HOST_VARIABLE,
    LOG_LEVEL_VARIABLE,
    PORT_VARIABLE,
    WORKERS_VARIABLE,
    ConfigError,
    LogLevel,
    load_config,
)
from proxy.log import configure_logging


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--host", help="the address to listen on")
    parser.add_argument("--port", type=int, help="the port to listen on; 0 takes a free one")
    parser.add_argument("--workers", type=int, help="the number of processes")
    parser.add_argument("--log-level", choices=get_args(LogLevel))


def run(arguments: argparse.Namespace) -> int:
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
        return fail(str(error), status=2)
    from proxy.serve import serve

    configure_logging(config.server.log_level)
    return serve(config, overrides)
