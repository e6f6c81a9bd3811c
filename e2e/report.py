"""The tables of a run, for the terminal and for docs/clients.md between its markers."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence
from pathlib import Path

from e2e.clients import CLIENTS, FROM_NPM, SCENARIOS, Client, Group
from e2e.codex import CODEX_SCENARIOS
from e2e.install import modules, requirements
from e2e.outcomes import ABSENT, Outcome, matrix, table

_MARKED = re.compile(r"(<!-- make e2e writes what follows -->\n).*?(<!-- up to here -->)", re.DOTALL)


def tables(clients: Sequence[Client], outcomes: Sequence[Outcome]) -> str:
    """Returns the tables of what was run: one for the SDKs and frameworks, one for Codex."""
    parts = []
    rows = {client.key: client.title for client in clients if client.group != "codex"}
    if rows:
        parts.append(matrix(rows, SCENARIOS, outcomes))
    if len(rows) < len(clients):
        parts.append(codex_table(outcomes))
    return "\n\n".join([*parts, ""])


def codex_table(outcomes: Sequence[Outcome]) -> str:
    marks = {outcome.scenario: outcome.mark for outcome in outcomes if outcome.client == "codex"}
    lines = [["Codex CLI", ""], ["---", ":-:"]]
    lines += [[scenario.title, marks.get(scenario.key, ABSENT)] for scenario in CODEX_SCENARIOS]
    return table(lines)


def write_docs(page: Path, outcomes: Sequence[Outcome]) -> None:
    """Writes the tables into a page, after a run of everything: what was not run gets a dot."""
    pinned = versions()
    rows = {
        client.key: f"{client.title} (`{client.package}` {pinned[client.key]})"
        for client in CLIENTS
        if client.group != "codex"
    }
    text = "\n\n".join([matrix(rows, SCENARIOS, outcomes), f"Codex CLI is {pinned['codex']}.", codex_table(outcomes)])
    page.write_text(_MARKED.sub(lambda marked: f"{marked[1]}\n{text}\n\n{marked[2]}", page.read_text()))


def versions() -> dict[str, str]:
    """The pinned version of each client, by its key."""
    return {client.key: _pinned(client.group)[client.package] for client in CLIENTS}


@functools.cache
def _pinned(group: Group) -> dict[str, str]:
    """The version of each package that a group names itself."""
    if group in FROM_NPM:
        return dict(json.loads((modules(group) / "package.json").read_text())["dependencies"])
    return dict(re.findall(r"^([\w-]+)(?:\[.*\])?==(\S+)", requirements(group).read_text(), re.MULTILINE))
