"""A newcomer's path: what README.md and the pages of docs/ tell to type, typed against a real server.

The server is the command as `make run` starts it, with the embedded model and the shipped configuration, on a port of
its own. A client that has to be installed first is run by `make e2e`.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.config import load_config
from tests.support.command import ROOT, Command, Process

README = (ROOT / "README.md").read_text()
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
ADDRESS = "http://127.0.0.1:8080"
FENCED = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^    (?!\s)((?:.*\\\n)*.*)$", re.MULTILINE)


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in FENCED.findall(page.read_text()) if kind == language]


def example(language: str, page: Path = ROOT / "README.md") -> str:
    return blocks(page, language)[0]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server that README starts."""
    folder = tmp_path_factory.mktemp("first-day")
    shutil.copy(ROOT / "config.yaml", folder)
    command = Command(folder, ("-m", "proxy"))
    with command.running("serve", "--port", "0", environ={"DRAGOMAN_DATA_DIR": str(folder)}) as process:
        yield f"http://127.0.0.1:{process.port()}"


def test_the_first_request(served: str) -> None:
    """README's curl, with the address of this server; its answer is the one that README shows."""
    [typed] = [line for line in INDENTED.findall(README) if line.startswith("curl")]
    arguments = shlex.split(typed.replace(ADDRESS, served).replace("\\\n", " "))
    answer = json.loads(subprocess.run(arguments, capture_output=True, check=True).stdout)
    shown = json.loads(re.sub(r"_80d1…", "", example("json")))
    assert answer["usage"] == shown["usage"]
    assert [part["text"] for part in answer["output"][0]["content"]] == [
        part["text"] for part in shown["output"][0]["content"]
    ]
    assert shown.keys() <= answer.keys()
    assert shown["output"][0].keys() == answer["output"][0].keys()


def test_the_first_program(served: str) -> None:
    program = example("python").replace(ADDRESS, served)
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == example("text")


def test_the_sdk_page(served: str) -> None:
    program = example("python", ROOT / "docs" / "clients" / "openai-sdk.md").replace(ADDRESS, served)
    program = program.replace('input="Say hello."', 'input="Say hello.", max_output_tokens=30')
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip()


@pytest.mark.parametrize(
    ("page", "text"),
    [
        pytest.param(page, text, id=f"{page.name}-{number}")
        for page in PAGES
        for number, text in enumerate(blocks(page, "yaml"))
        if "upstreams:" in text and "models:" in text
    ],
)
def test_every_configuration_that_a_page_shows(page: Path, text: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    variables = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "k" * 64)
    config = load_config(file, variables)
    assert config.models


def test_the_commands_of_the_readme(tmp_path: Path) -> None:
    """Those that end by themselves, in a folder that holds what a fresh clone does."""
    shutil.copy(ROOT / "config.yaml", tmp_path)
    lines = [line for line in INDENTED.findall(README) if ".venv/bin/dragoman" in line]
    ran = []
    for line in lines:
        words = line.partition("#")[0].partition("|")
        typed = shlex.split((words[2] or words[0]).strip())[1:]
        sent = shlex.split(words[0])[1] if words[2] else ""
        if typed[0] in ("check", "translate"):
            process = Process(tmp_path, ("-m", "proxy", *typed), {})
            assert process.end(sent)[0] == 0, line
        ran.append(typed[0])
    assert set(ran) == {"check", "translate", "serve", "chat", "init"}
