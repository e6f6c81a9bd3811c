"""`CODEX_SCENARIOS` and `run_codex`: the real Codex CLI at small tasks, each in a home and a workspace of its own."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from e2e.backend import ScenarioBackend
from e2e.codex_scripts import DONE, GREETING
from e2e.drive import run
from e2e.outcomes import Outcome
from e2e.turn import Unexpected, expect

CLIENT = "codex"
_MCP_SERVER = Path(__file__).with_name("mcp_server.py")
_SECONDS = 120.0
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
)
_SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "year": {"type": "integer"}},
    "required": ["name", "year"],
    "additionalProperties": False,
}
# Codex asks for nothing and runs what it is told: the model is a script, and the folder is thrown away.
_SETTINGS = """
check_for_update_on_startup = false
approval_policy = "never"
sandbox_mode = "danger-full-access"
"""
_RETRIES = """request_max_retries = 2
stream_max_retries = 2
"""
_MCP = """
[mcp_servers.calculator]
command = {command}
args = [{script}]
required = true
startup_timeout_sec = 60
"""


@dataclass(frozen=True)
class Run:
    """What is left of a run of Codex."""

    workspace: Path
    said: str
    complained: str
    status: int | None

    @property
    def shopping(self) -> str:
        return (self.workspace / "shopping.txt").read_text()


def _said(text: str) -> Callable[[Run], None]:
    def check(done: Run) -> None:
        expect(done.status == 0, f"Codex ended with {done.status}")
        expect(text in done.said, f"Codex said {done.said[-300:]!r}")

    return check


def _edited(done: Run) -> None:
    _said(DONE)(done)
    expect("two pears" in done.shopping, f"the file holds {done.shopping!r}")


def _answered_in_schema(done: Run) -> None:
    _said("Ada")(done)
    answer = json.loads((done.workspace / "answer.json").read_text())
    expect(answer == {"name": "Ada", "year": 1815}, f"the answer is {answer}")


def _wrote_both(done: Run) -> None:
    _said(DONE)(done)
    names = [name for name in ("alpha", "beta") if (done.workspace / f"{name}.txt").is_file()]
    expect(names == ["alpha", "beta"], f"the files are {names}")


def _failed(text: str) -> Callable[[Run], None]:
    def check(done: Run) -> None:
        expect(done.status != 0, "Codex took it for a success")
        expect(text in done.complained + done.said, f"Codex said {done.complained[-300:]!r}")

    return check


@dataclass(frozen=True)
class CodexScenario:
    """A task for Codex, and what must come of it. `model` decides which tools Codex offers; one it does not know gets
    functions only."""

    key: str
    title: str
    check: Callable[[Run], None]
    model: str = "my-model"
    arguments: tuple[str, ...] = ()
    with_mcp: bool = False
    with_catalogue: bool = False
    provider: tuple[str, ...] = ()
    provider_name: str = "Dragoman"


CODEX_SCENARIOS = (
    CodexScenario("text", "answers, with reasoning", _said(GREETING)),
    CodexScenario("shell", "edits a file by a shell command", _edited),
    CodexScenario("apply-patch", "edits a file by `apply_patch`", _edited, "gpt-5.5"),
    CodexScenario("catalogue", "`apply_patch` with a model from `dragoman codex-config`", _edited, with_catalogue=True),
    CodexScenario("mcp", "calls an MCP tool in its namespace", _said(DONE), with_mcp=True),
    CodexScenario("tool-search", "finds an MCP tool by `tool_search`, then calls it", _said(DONE), "gpt-5.5", (), True),
    CodexScenario("code-mode", "edits a file by code (`exec`)", _edited, "gpt-6.1-sol"),
    CodexScenario("image", "shows an image (`-i`)", _said(DONE), arguments=("-i", "pixel.png")),
    CodexScenario("view-image", "looks at an image (`view_image`)", _said(DONE)),
    CodexScenario(
        "schema",
        "answers in a schema (`--output-schema`)",
        _answered_in_schema,
        arguments=("--output-schema", "schema.json", "-o", "answer.json"),
    ),
    CodexScenario("parallel", "two commands at once", _wrote_both),
    CodexScenario("reasoning", "thinks over three tool turns and forgets nothing", _said(DONE)),
    CodexScenario(
        "compaction",
        "compacts a full context and goes on",
        _said(DONE),
        arguments=("-c", "model_auto_compact_token_limit=20000"),
    ),
    CodexScenario(
        "remote-compaction",
        "has its context compacted by the proxy (a provider named OpenAI)",
        _said(DONE),
        arguments=("-c", "model_auto_compact_token_limit=20000"),
        provider_name="OpenAI",
    ),
    CodexScenario(
        "websocket",
        "edits a file over a WebSocket (`supports_websockets`)",
        _edited,
        provider=("supports_websockets = true",),
    ),
    CodexScenario("rate-limit", "waits when it is told to (429)", _said(GREETING)),
    CodexScenario("overflow", "says that the context is full", _failed("context window")),
    CodexScenario("dropped", "asks again when the upstream breaks off", _said(GREETING)),
    CodexScenario("refused-key", "says that the key is refused (401)", _failed("Incorrect API key")),
)


async def run_codex(
    scenario: CodexScenario, binary: Path, folder: Path, config: str, backend: ScenarioBackend
) -> Outcome:
    """Runs Codex at one task. `config` is what `dragoman codex-config` printed. `folder` does not exist yet and stays
    behind."""
    home, workspace = folder / "home", folder / "workspace"
    home.mkdir(parents=True)
    workspace.mkdir()
    (home / "config.toml").write_text(_config(scenario, config))
    (workspace / "shopping.txt").write_text("one loaf\ntwo apples\n")
    (workspace / "pixel.png").write_bytes(PIXEL)
    (workspace / "schema.json").write_text(json.dumps(_SCHEMA))
    command = [binary, "exec", "--skip-git-repo-check", "-m", scenario.model, "Do the task.", *scenario.arguments]
    environ = {"CODEX_HOME": str(home), "DRAGOMAN_KEY": f"{CLIENT}:{scenario.key}"}
    said, status, complained = await run(command, workspace, environ, seconds=_SECONDS)
    faults = backend.complaints(CLIENT, scenario.key)
    try:
        scenario.check(Run(workspace, said, complained, status))
    except (Unexpected, OSError, ValueError) as fault:
        faults.append(str(fault))
    if scenario.with_catalogue and "metadata" in complained:
        faults.append("Codex misses the model's metadata")
    return Outcome(CLIENT, scenario.key, "; ".join(faults) or None)


def _config(scenario: CodexScenario, config: str) -> str:
    """Writes Codex's config.toml: what `dragoman codex-config` printed, which ends with the provider's table, amid the
    settings of the test."""
    lines = [_SETTINGS, config.replace('name = "Dragoman"', f"name = {json.dumps(scenario.provider_name)}"), _RETRIES]
    lines += scenario.provider
    if scenario.with_mcp:
        lines.append(_MCP.format(command=json.dumps(sys.executable), script=json.dumps(str(_MCP_SERVER))))
    return "\n".join(lines)
