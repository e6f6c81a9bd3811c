"""The command `llm` with models of `extra-openai-models.yaml` that say `responses: true`."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from pathlib import Path

from click.testing import CliRunner, Result
from llm.cli import cli
from outcome import GREETING, MESSAGES, PIXEL, SECOND_THOUGHT, THOUGHT, refusals, run

home = tempfile.TemporaryDirectory()
FOLDER = Path(home.name)
os.environ["LLM_USER_PATH"] = home.name
FUNCTIONS = '''
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"It is sunny in {city}."
'''
ENTRY = """
- model_id: {name}
  model_name: {name}
  api_base: {base}
  responses: true
  can_stream: true
  supports_tools: true
  supports_schema: true
  vision: true
  reasoning: true
"""
NAMES = (
    *("text", "stream", "tools", "parallel", "structured", "image", "reasoning", "state"),
    *("error-400", "error-401", "error-429", "error-500", "overflow"),
)
(FOLDER / "extra-openai-models.yaml").write_text(
    "".join(ENTRY.format(name=name, base=os.environ["OPENAI_BASE_URL"]) for name in NAMES)
)
(FOLDER / "pixel.png").write_bytes(base64.b64decode(PIXEL.partition(",")[2]))


def llm(model: str, *arguments: object) -> Result:
    command = ["prompt", "-m", model, "--key", os.environ["OPENAI_API_KEY"], *map(str, arguments)]
    return CliRunner().invoke(cli, command)


def said(model: str, *arguments: object) -> str:
    done = llm(model, *arguments)
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def text() -> None:
    assert said("text", "Say hello.", "-s", "Be kind.", "--no-stream") == GREETING


def stream() -> None:
    done = llm("stream", "Say hello.", "-u")
    assert done.stdout.strip() == GREETING
    assert "12 input" in done.stderr, done.stderr


def tools() -> None:
    for options in ([], ["--no-stream"]):
        answer = said("tools", "What is the weather?", "--functions", FUNCTIONS, *options)
        assert answer.endswith("The weather in Paris is sunny."), answer


def parallel() -> None:
    for options in ([], ["--no-stream"]):
        answer = said("parallel", "What is the weather?", "--functions", FUNCTIONS, *options)
        assert answer.endswith("Paris and Rome are sunny."), answer


def structured() -> None:
    for options in ([], ["--no-stream"]):
        answer = said("structured", "Who was Ada?", "--schema", "name, year int", *options)
        assert json.loads(answer) == {"name": "Ada", "year": 1815}, answer


def image() -> None:
    assert said("image", "What is this?", "-a", FOLDER / "pixel.png") == "A single red pixel."


def reasoning() -> None:
    for options in ([], ["--no-stream"]):
        arguments = ["What is the weather?", "--functions", FUNCTIONS, "-o", "reasoning_effort", "low"]
        done = llm("reasoning", *arguments, *options)
        assert done.exit_code == 0, done.output
        assert done.stdout.strip().endswith("Paris and Rome are sunny."), done.stdout
        for thought in (THOUGHT, SECOND_THOUGHT, "That is all."):
            assert options or thought in done.stderr, done.stderr


def state() -> None:
    said("state", "What is blue?")
    assert said("state", "-c", "What was my first question?") == "You asked what blue is."


def _hello(model: str, streamed: bool) -> str:
    done = llm(model, "Say hello.", *([] if streamed else ["--no-stream"]))
    if done.exit_code != 0:
        raise RuntimeError(done.output)
    return done.stdout


# The command asks the SDK to try again, which waits for as long as the upstream says: that is done once only.
once = {"error-429": MESSAGES["error-429"]}
refused = refusals(_hello, MESSAGES, notices_cut=False) | refusals(_hello, once, streamed=(True,), notices_cut=False)
run([text, stream, tools, parallel, structured, image, reasoning, state], refused)
