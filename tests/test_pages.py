"""The pages for people against the repository: files that they name are there, with the constants that are named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from e2e.clients import CLIENTS, Client
from e2e.report import versions

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "config.yaml")),
]
_FILE = re.compile(r"`((?:proxy|translators|tests|fixtures|e2e|benchmarks)/[\w./*-]*)`")
_CONSTANTS = re.compile(r"((?:`_?[A-Z][A-Z_]+`(?:, )?)+) (?:in `([\w/]+\.py)`|there)")
"""`ONE`, `TWO` in a file; "there" means the file that was named last."""


def _titles(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


@pytest.mark.parametrize("page", PAGES, ids=_titles(PAGES))
def test_files_that_are_named_are_there(page: Path) -> None:
    missing = {name for name in _FILE.findall(page.read_text()) if not any(ROOT.glob(name))}
    assert not missing, missing


@pytest.mark.parametrize("page", PAGES, ids=_titles(PAGES))
def test_constants_that_are_named_are_there(page: Path) -> None:
    file = ""
    for names, place in _CONSTANTS.findall(page.read_text()):
        file = place or file
        for name in re.findall(r"\w+", names):
            assert re.search(rf"^{name}\b.* = ", (ROOT / file).read_text(), re.MULTILINE), f"{name} in {file}"


@pytest.mark.parametrize(
    "client", [client for client in CLIENTS if client.group != "codex"], ids=lambda client: client.key
)
def test_every_client_has_its_row_with_the_version_that_is_run(client: Client) -> None:
    page = (ROOT / "docs" / "clients.md").read_text()
    assert f"| {client.title} (`{client.package}` {versions()[client.key]}) |" in page, "make e2e writes the table"
