"""`python -m e2e`: install the clients, run them, print the matrix; with `--docs` also into docs/clients.md."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from e2e.backend import ScenarioBackend
from e2e.clients import CLIENTS, SCENARIOS, Client, Group
from e2e.drive import drive
from e2e.install import HERE, NotInstallable, node_environment, python_environment
from e2e.outcomes import Outcome, matrix
from e2e.proxy import ROOT, running_proxy
from e2e.scripts import SCRIPTS

CONFIG = """
server: {{log_level: debug}}
upstreams:
  scripted: {{base_url: "{base_url}", pass_client_key: true}}
models:
  "*": {{upstream: scripted}}
"""
_AT_ONCE = max(1, (os.cpu_count() or 1))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m e2e", description="Real clients against the running proxy.")
    parser.add_argument("--group", action="append", choices=get_args(Group), help="only clients of this kind")
    parser.add_argument("--client", action="append", choices=[client.key for client in CLIENTS], help="only this one")
    parser.add_argument("--scenario", action="append", help="only this one")
    parser.add_argument("--environments", type=Path, default=ROOT / ".venv" / "e2e", help="where clients are installed")
    parser.add_argument("--log", type=Path, help="a file for the proxy's log")
    parser.add_argument("--docs", action="store_true", help="write the matrix into docs/clients.md")
    arguments = parser.parse_args(argv)
    groups, names = arguments.group or get_args(Group), arguments.client or [client.key for client in CLIENTS]
    chosen = [client for client in CLIENTS if client.group in groups and client.key in names]
    environments = arguments.environments.resolve()
    outcomes: list[Outcome] = []
    outcomes += asyncio.run(_run(chosen, arguments.scenario or [], environments, arguments.log))
    _report(chosen, outcomes)
    return 0 if all(outcome.complaint is None for outcome in outcomes) else 1


async def _run(
    clients: Sequence[Client], scenarios: Sequence[str], environments: Path, log: Path | None
) -> list[Outcome]:
    with tempfile.TemporaryDirectory() as folder:
        async with ScenarioBackend(SCRIPTS) as backend:
            config = Path(folder) / "config.yaml"
            config.write_text(CONFIG.format(base_url=backend.base_url))
            async with running_proxy(config, log or Path(folder) / "proxy.log") as base_url:
                limit = asyncio.Semaphore(_AT_ONCE)

                async def one(client: Client) -> list[Outcome]:
                    async with limit:
                        return await drive(client, [*commands[client.key], *scenarios], Path(folder), base_url, backend)

                commands = {client.key: _command(client, environments) for client in clients}
                return [outcome for each in await asyncio.gather(*map(one, clients)) for outcome in each]


def _command(client: Client, environments: Path) -> list[str | Path]:
    """Raises NotInstallable."""
    if client.group == "js":
        return ["node", node_environment(environments / "js") / f"{client.key}.mjs"]
    requirements = "guardrails.txt" if client.group == "guardrails" else "requirements.txt"
    python = python_environment(environments / client.group, requirements)
    return [python, HERE / "drivers" / f"{client.key}.py"]


def _report(clients: Sequence[Client], outcomes: Sequence[Outcome]) -> None:
    rows = {client.key: client.title for client in clients}
    sys.stdout.write(matrix(rows, SCENARIOS, outcomes) + "\n")
    for outcome in outcomes:
        if outcome.complaint is not None:
            sys.stdout.write(f"{outcome.client} {outcome.scenario}: {outcome.complaint}\n")


if __name__ == "__main__":
    sys.exit(main())
