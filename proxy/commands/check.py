"""`dragoman check`: reads the configuration and shows where each model goes."""

from __future__ import annotations

import argparse

from proxy.commands.configuration import add_config_argument, read_config
from proxy.commands.dialect_report import dialect_lines
from proxy.commands.terminal import fail, say
from proxy.config import Config, ConfigError
from proxy.recognition import recognise
from proxy.routing import Router, is_pattern


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    try:
        config = read_config(arguments)
    except ConfigError as error:
        return fail(str(error), status=2)
    rows = [("MODEL", "UPSTREAM", "BASE URL", "SENT MODEL", "DIALECT")]
    routes = _router(config).entries()
    for route in routes:
        sent = "(as asked)" if is_pattern(route.name) and route.model == route.name else route.model
        url = route.upstream.base_url or "(embedded)"
        rows.append((route.name, route.upstream_name, url, sent, route.dialect.name))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for line in dialect_lines(routes):
        say(line)
    return 0


def _router(config: Config) -> Router:
    """Its undecided upstreams have been asked."""
    router = Router(config)
    recognise(router, config.upstreams)
    return router
