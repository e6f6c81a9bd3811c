"""`drive(client, ...)`: one SDK or framework through its scenarios, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from e2e.backend import ScenarioBackend
from e2e.clients import Client
from e2e.outcomes import Outcome

_CLIENT_SECONDS = 240.0
# What some clients read as they are imported: no telemetry, no lists of models from elsewhere, no banners.
_QUIET = {
    "HAYSTACK_TELEMETRY_ENABLED": "false",
    "AGENT_FRAMEWORK_USER_AGENT_DISABLED": "true",
    "LITELLM_LOCAL_MODEL_COST_MAP": "true",
    "PYTHONWARNINGS": "ignore",
}
_END = 2000


async def drive(
    client: Client, command: Sequence[str | Path], cwd: Path, base_url: str, backend: ScenarioBackend
) -> list[Outcome]:
    """Runs `command`, which prints a line of JSON for each scenario; the backend's complaints count as well."""
    said, status, errors = await run(
        command, cwd, {**_QUIET, "OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": client.key}
    )
    outcomes = []
    for line in said.splitlines():
        with contextlib.suppress(ValueError):  # clients print, too
            outcome = json.loads(line)
            faults = backend.complaints(client.key, outcome["scenario"])
            complaint = "; ".join(filter(None, [outcome["complaint"], *faults])) or None
            outcomes.append(Outcome(client.key, outcome["scenario"], complaint))
    if status != 0:
        outcomes.append(Outcome(client.key, "(driver)", f"ended with {status}: {errors[-_END:]}"))
    return outcomes


async def run(
    command: Sequence[object], cwd: Path, environ: dict[str, str], *, seconds: float = _CLIENT_SECONDS
) -> tuple[str, int | None, str]:
    """Runs a process; returns what it wrote to both outputs, and its status, None where it had to be killed."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=cwd,
        env={**os.environ, **environ},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    reading = asyncio.ensure_future(process.communicate())
    done, _ = await asyncio.wait([reading], timeout=seconds)
    if not done:
        process.kill()
    out, err = await reading
    return out.decode(errors="replace"), process.returncode if done else None, err.decode(errors="replace")
