"""`run_suite(...)`: the proxy, the backend and the chosen clients, together for one run."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from e2e.backend import ScenarioBackend
from e2e.clients import FROM_NPM, Client
from e2e.codex import CODEX_SCENARIOS, CodexScenario, run_codex
from e2e.codex_scripts import CODEX_SCRIPTS
from e2e.drive import drive, run
from e2e.install import HERE, modules, node_environment, python_environment, requirements
from e2e.opencode import OPENCODE_SCENARIOS, OpenCodeScenario, run_opencode
from e2e.opencode_scripts import OPENCODE_SCRIPTS
from e2e.outcomes import Outcome
from e2e.proxy import ROOT, running_proxy
from e2e.scripts import SCRIPTS

_CONFIG = """
server: {{log_level: debug}}
store: {{kind: memory}}
upstreams:
  scripted: {{base_url: "{base_url}", pass_client_key: true, dialect: generic}}
models:
  my-model: {{upstream: scripted}}
  "*": {{upstream: scripted}}
"""
_AT_ONCE = max(1, os.cpu_count() or 1)

Job = Callable[[], Awaitable[list[Outcome]]]


def install(clients: Sequence[Client], environments: Path) -> dict[str, list[str | Path]]:
    """The command that runs each client; installs what is missing. Raises NotInstallable."""
    return {client.key: _command(client, environments) for client in clients}


def _command(client: Client, environments: Path) -> list[str | Path]:
    if client.group in FROM_NPM:
        source = modules(client.group)
        folder = node_environment(environments / source.name, source)
        program = folder / "node_modules" / ".bin" / client.group
        return ["node", folder / f"{client.key}.mjs"] if client.group == "js" else [program]
    python = python_environment(environments / client.group, requirements(client.group).with_suffix(".txt"))
    return [python, HERE / "drivers" / f"{client.key}.py"]


async def run_suite(
    commands: dict[str, list[str | Path]],
    clients: Sequence[Client],
    scenarios: Sequence[str],
    folder: Path,
    log: Path,
) -> list[Outcome]:
    """Runs the clients at `scenarios`, or at all where there are none. `folder` is for what the clients leave
    behind."""
    async with ScenarioBackend({"codex": CODEX_SCRIPTS, "opencode": OPENCODE_SCRIPTS}, SCRIPTS) as backend:
        config = folder / "config.yaml"
        config.write_text(_CONFIG.format(base_url=backend.base_url))
        async with running_proxy(config, log) as base_url:
            jobs: list[Job] = []
            for client in clients:
                binary = Path(commands[client.key][0])
                if client.group == "codex":
                    jobs += await _codex_jobs(binary, scenarios, folder, base_url, backend)
                elif client.group == "opencode":
                    jobs += _opencode_jobs(binary, scenarios, folder, base_url, backend)
                else:
                    jobs.append(_sdk_job(client, [*commands[client.key], *scenarios], folder, base_url, backend))
            return await _all(jobs)


def _sdk_job(
    client: Client, command: Sequence[str | Path], folder: Path, base_url: str, backend: ScenarioBackend
) -> Job:
    return lambda: drive(client, command, folder, base_url, backend)


async def _codex_jobs(
    binary: Path, scenarios: Sequence[str], folder: Path, base_url: str, backend: ScenarioBackend
) -> list[Job]:
    chosen = [scenario for scenario in CODEX_SCENARIOS if not scenarios or scenario.key in scenarios]
    plain = await _codex_config(folder, base_url)
    with_catalogue = await _codex_config(folder, base_url, "--catalogue", folder / "models.json")

    def job(scenario: CodexScenario) -> Job:
        config = with_catalogue if scenario.with_catalogue else plain

        async def go() -> list[Outcome]:
            return [await run_codex(scenario, binary, folder / scenario.key, config, backend)]

        return go

    return [job(scenario) for scenario in chosen]


def _opencode_jobs(
    binary: Path, scenarios: Sequence[str], folder: Path, base_url: str, backend: ScenarioBackend
) -> list[Job]:
    def job(scenario: OpenCodeScenario) -> Job:
        async def go() -> list[Outcome]:
            return [await run_opencode(scenario, binary, folder / f"opencode-{scenario.key}", base_url, backend)]

        return go

    return [job(scenario) for scenario in OPENCODE_SCENARIOS if not scenarios or scenario.key in scenarios]


async def _codex_config(folder: Path, base_url: str, *options: object) -> str:
    """Returns what `dragoman codex-config` prints."""
    command = [sys.executable, "-m", "proxy", "codex-config", "--config", folder / "config.yaml"]
    said, status, errors = await run([*command, "--base-url", base_url, *options], ROOT, {})
    if status != 0:
        raise RuntimeError(f"codex-config ended with {status}: {errors}")
    return said


async def _all(jobs: Sequence[Job]) -> list[Outcome]:
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(job: Job) -> list[Outcome]:
        async with limit:
            return await job()

    return [outcome for outcomes in await asyncio.gather(*map(one, jobs)) for outcome in outcomes]
