"""`python -m e2e`: install the clients, run them, print the tables; with `--docs` also into docs/clients.md."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from e2e.clients import CLIENTS, Client, Group
from e2e.install import NotInstallable
from e2e.outcomes import Outcome
from e2e.proxy import ROOT
from e2e.report import tables, write_docs
from e2e.suite import install, run_suite


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    groups = arguments.group or get_args(Group)
    names = arguments.client or [client.key for client in CLIENTS]
    clients = [client for client in CLIENTS if client.group in groups and client.key in names]
    try:
        commands = install(clients, arguments.environments.resolve())
    except NotInstallable as error:
        sys.stderr.write(f"{error}.\n")
        return 2
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = (arguments.keep or Path(name)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        outcomes = asyncio.run(run_suite(commands, clients, arguments.scenario or [], folder, folder / "proxy.log"))
    _print(clients, outcomes)
    if arguments.docs:
        write_docs(ROOT / "docs" / "clients.md", outcomes)
    return 0 if all(outcome.complaint is None for outcome in outcomes) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m e2e", description="Real clients against the running proxy.")
    parser.add_argument("--group", action="append", choices=get_args(Group), help="only clients of this kind")
    parser.add_argument("--client", action="append", choices=[client.key for client in CLIENTS], help="only this one")
    parser.add_argument("--scenario", action="append", help="only this one")
    parser.add_argument("--environments", type=Path, default=ROOT / ".venv" / "e2e", help="where clients are installed")
    parser.add_argument("--keep", type=Path, help="a folder for the proxy's log and what Codex leaves behind")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/clients.md")
    return parser


def _print(clients: Sequence[Client], outcomes: Sequence[Outcome]) -> None:
    sys.stdout.write(tables(clients, outcomes))
    for outcome in outcomes:
        if outcome.complaint is not None:
            sys.stdout.write(f"{outcome.client} {outcome.scenario}: {outcome.complaint}\n")


if __name__ == "__main__":
    sys.exit(main())
