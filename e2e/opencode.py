"""`OPENCODE_SCENARIOS`, `run_opencode`: the real OpenCode at small tasks, each in a home and workspace of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.backend import ScenarioBackend
from e2e.codex import PIXEL
from e2e.drive import run
from e2e.opencode_scripts import DONE, OPENCODE_SCRIPTS
from e2e.outcomes import Outcome
from e2e.scripts import GREETING, SECOND_THOUGHT, THOUGHT
from e2e.turn import Unexpected, expect

CLIENT = "opencode"
_SECONDS = 120.0
_MODELS: dict[str, dict[str, Any]] = {name: {} for name in OPENCODE_SCRIPTS} | {
    "image": {"attachment": True, "modalities": {"input": ["text", "image"], "output": ["text"]}},
    "reasoning": {
        "reasoning": True,
        "options": {
            "reasoningEffort": "low",
            "reasoningSummary": "auto",
            "store": False,
            "include": ["reasoning.encrypted_content"],
        },
    },
}
_ALONE = ("AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS", "CLAUDE_CODE", "EXTERNAL_SKILLS")


@dataclass(frozen=True)
class Run:
    """What is left of a run of OpenCode; `events` are the lines of JSON that it printed."""

    workspace: Path
    events: Sequence[dict[str, Any]]
    status: int | None

    def said(self, kind: str = "text") -> list[str]:
        """The texts of parts of one type, such as `text` or `reasoning`."""
        return [event["part"]["text"] for event in self.events if event["type"] == kind]

    @property
    def errors(self) -> str:
        return json.dumps([event["error"] for event in self.events if event["type"] == "error"])


def _says(text: str) -> Callable[[Run], None]:
    def check(done: Run) -> None:
        expect(done.status == 0, f"OpenCode ended with {done.status}: {done.errors}")
        expect(done.said()[-1:] == [text], f"OpenCode said {done.said()}")

    return check


def _edited(done: Run) -> None:
    _says(DONE)(done)
    shopping = (done.workspace / "shopping.txt").read_text()
    expect("two pears" in shopping, f"the file holds {shopping!r}")


def _wrote_both(done: Run) -> None:
    _says(DONE)(done)
    names = [name for name in ("alpha", "beta") if (done.workspace / f"{name}.txt").is_file()]
    expect(names == ["alpha", "beta"], f"the files are {names}")


def _thought(done: Run) -> None:
    _says(DONE)(done)
    thoughts = done.said("reasoning")
    expect(thoughts == [THOUGHT, SECOND_THOUGHT, "That is all."], f"the thoughts are {thoughts}")


def _counted(done: Run) -> None:
    _says(GREETING)(done)
    tokens = [event["part"]["tokens"]["total"] for event in done.events if event["type"] == "step_finish"]
    expect(tokens == [20], f"the tokens are {tokens}")


def _fails(*words: str) -> Callable[[Run], None]:
    def check(done: Run) -> None:
        expect(done.status != 0, "OpenCode took it for a success")
        missing = [word for word in words if word not in done.errors]
        expect(not missing, f"{missing} not in {done.errors}")

    return check


@dataclass(frozen=True)
class OpenCodeScenario:
    """A task for OpenCode, and what must come of it. `asked` holds the arguments of each run; what is checked is the
    last."""

    key: str
    check: Callable[[Run], None]
    asked: tuple[tuple[str, ...], ...] = (("Say hello.",),)


OPENCODE_SCENARIOS = (
    OpenCodeScenario("text", _counted),
    OpenCodeScenario("stream", _says(GREETING)),
    OpenCodeScenario("tools", _edited),
    OpenCodeScenario("parallel", _wrote_both),
    OpenCodeScenario("image", _says("A single red pixel."), (("What is this?", "-f", "pixel.png"),)),
    OpenCodeScenario("reasoning", _thought, (("Think.", "--thinking"),)),
    OpenCodeScenario(
        "state", _says("You asked what blue is."), (("What is blue?",), ("What was my first question?", "-c"))
    ),
    OpenCodeScenario("error-400", _fails("too peculiar", "invalid_value", "400")),
    OpenCodeScenario("error-401", _fails("Incorrect API key", "invalid_api_key", "401")),
    OpenCodeScenario("error-429", _says(GREETING)),
    OpenCodeScenario("error-500", _says(GREETING)),
    OpenCodeScenario("overflow", _fails("ContextOverflowError", "context_length_exceeded")),
    OpenCodeScenario("cut", _says(GREETING)),
)


async def run_opencode(
    scenario: OpenCodeScenario, binary: Path, folder: Path, base_url: str, backend: ScenarioBackend
) -> Outcome:
    """Runs OpenCode at one task. `folder` does not exist yet and stays behind."""
    workspace, config = folder / "workspace", folder / "opencode.json"
    workspace.mkdir(parents=True)
    config.write_text(json.dumps(_config(base_url)))
    (workspace / "shopping.txt").write_text("one loaf\ntwo apples\n")
    (workspace / "pixel.png").write_bytes(PIXEL)
    command = [binary, "run", "--model", f"dragoman/{scenario.key}", "--format", "json", "--dir", workspace]
    done, complained = Run(workspace, (), None), ""
    for asked in scenario.asked:
        said, status, complained = await run([*command, *asked], workspace, _environ(folder), seconds=_SECONDS)
        done = Run(workspace, [json.loads(line) for line in said.splitlines() if line.startswith("{")], status)
    faults = backend.complaints(CLIENT, scenario.key)
    try:
        scenario.check(done)
    except (Unexpected, OSError) as fault:
        faults.append(f"{fault} {complained[-300:]}".strip())
    return Outcome(CLIENT, scenario.key, "; ".join(faults) or None)


def _config(base_url: str) -> dict[str, Any]:
    options = {"baseURL": base_url, "apiKey": CLIENT}
    provider = {"npm": "@ai-sdk/openai", "options": options, "models": _MODELS}
    return {"small_model": "dragoman/title", "share": "disabled", "provider": {"dragoman": provider}}


def _environ(folder: Path) -> dict[str, str]:
    """Returns the environment of a run: a home of its own, nothing fetched, nothing taken from the user's other
    tools."""
    homes = {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "CACHE", "STATE")}
    alone = {f"OPENCODE_DISABLE_{what}": "1" for what in _ALONE}
    return {
        **homes,
        **alone,
        "HOME": str(folder),
        "OPENCODE_CONFIG": str(folder / "opencode.json"),
        "OPENCODE_PURE": "1",
    }
