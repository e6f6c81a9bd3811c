"""`dragoman check`: reads the configuration, shows where each model goes, and tries what a start needs."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import msgspec
from msgspec import Struct

from proxy.commands.configuration import add_config_argument, add_upstream_arguments, read_named
from proxy.commands.dialect_report import dialect_lines, facts_told
from proxy.commands.terminal import Style, complain, fail, say, styled
from proxy.commands.trials import Outcome, Trial, try_here, try_upstreams
from proxy.config import ConfigError, Problem, ReadConfig
from proxy.upstream.plan import Route
from proxy.upstream.recognition import recognise
from proxy.upstream.redaction import Redactor
from proxy.upstream.routing import Router, is_pattern

_STYLES: dict[Outcome, Style] = {"ok": "good", "warning": "warning", "failed": "bad"}


class _Model(Struct):
    """A row of the table of models."""

    name: str
    upstream: str
    base_url: str | None
    sent_model: str | None
    dialect: str
    facts: dict[str, Any]


class _Checked(Struct):
    """What `--json` prints."""

    ok: bool
    file: str | None
    problems: list[Problem]
    warnings: list[Problem]
    models: list[_Model]
    trials: list[Trial]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    add_upstream_arguments(parser)
    parser.add_argument("--offline", action="store_true", help="ask no upstream")
    parser.add_argument("--deep", action="store_true", help="search the whole SQLite database for damage")
    parser.add_argument("--json", action="store_true", help="print what was found as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    try:
        read = read_named(arguments)
    except ConfigError as error:
        return _tell_faulty(error, as_json=arguments.json)
    config = read.config
    router = Router(config)
    trials = list(try_here(config, deep=arguments.deep))
    if not arguments.offline:
        recognise(router, config.upstreams)
        trials += try_upstreams(config, router.entries())
    routes = router.entries()
    failed = any(trial.outcome == "failed" for trial in trials)
    if arguments.json:
        checked = _Checked(not failed, _file(read), [], list(read.warnings), list(map(_model, routes)), trials)
        say(Redactor.of(config)(msgspec.json.format(msgspec.json.encode(checked)).decode()))
    else:
        _tell(read, routes, trials)
    return 1 if failed else 0


def _tell_faulty(error: ConfigError, *, as_json: bool) -> int:
    if as_json:
        checked = _Checked(False, None, list(error.problems), [], [], [])
        say(msgspec.json.format(msgspec.json.encode(checked)).decode())
        return 2
    return fail(str(error), status=2)


def _tell(read: ReadConfig, routes: tuple[Route, ...], trials: list[Trial]) -> None:
    for warning in read.warnings:
        complain(f"{styled('warning', 'warning', sys.stderr)}: {warning}")
    rows = [("MODEL", "UPSTREAM", "BASE URL", "SENT MODEL", "DIALECT")]
    for model in map(_model, routes):
        url, sent = model.base_url or "(embedded)", model.sent_model or "(as asked)"
        rows.append((model.name, model.upstream, url, sent, model.dialect))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    hide = Redactor.of(read.config)  # a fact may hold a key: the query of an address, for one
    for line in dialect_lines(routes):
        say(hide(line))
    say("")
    say(f"configuration: {_file(read) or 'built in'}")
    for trial in trials:
        say(f"{trial.subject}: {styled(trial.outcome, _STYLES[trial.outcome], sys.stdout)}: {hide(trial.told)}")


def _file(read: ReadConfig) -> str | None:
    return None if read.file is None else str(read.file)


def _model(route: Route) -> _Model:
    as_asked = is_pattern(route.name) and route.model == route.name
    return _Model(
        name=route.name,
        upstream=route.upstream_name,
        base_url=route.upstream.base_url,
        sent_model=None if as_asked else route.model,
        dialect=route.dialect.name,
        facts=facts_told(route.choice),
    )
