"""ARCHITECTURE.md against the repository: every package has its row, and whatever the page names is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "ARCHITECTURE.md").read_text()
_HALVES = ("proxy", "translators")
_ROW = re.compile(r"^\| `((?:proxy|translators)/\S*)` \| .* \| (.*) \|$", re.MULTILINE)
"""A row of the tables of packages: the package, its duty, where to begin."""
ROWS = dict(_ROW.findall(PAGE))
_INVARIANTS = dict(re.findall(r"^\| ([A-Z]\d+) \| .* \| (.*) \|$", PAGE, re.MULTILINE))
_NAMED = re.compile(r"`([\w./*-]+)`")


def _packages() -> list[str]:
    return [
        f"{file.parent.relative_to(ROOT)}/" for half in _HALVES for file in sorted((ROOT / half).rglob("__init__.py"))
    ]


def _layers(half: str) -> list[str]:
    """The modules and packages of a half, the highest first, as the contract on imports has them."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = (contract for contract in linter["contracts"] if contract.get("containers") == [half])
    return [name.strip() for layer in contract["layers"] for name in layer.split("|")]


def _names(text: str) -> list[str]:
    return _NAMED.findall(text)


def _is_path(name: str) -> bool:
    """Whether a name in code is that of a file or folder of this repository; events and words have no slash."""
    return name.endswith((".py", ".md", ".yaml", ".toml")) or name.partition("/")[0] in {
        path.name for path in ROOT.iterdir() if path.is_dir()
    }


def test_every_package_has_its_row() -> None:
    assert sorted(ROWS) == sorted(_packages())


@pytest.mark.parametrize("half", _HALVES)
def test_packages_stand_in_the_order_of_their_layers(half: str) -> None:
    names = [package.split("/")[1] for package in ROWS if package.startswith(f"{half}/") and package.count("/") == 2]
    assert names == sorted(names, key=_layers(half).index)


@pytest.mark.parametrize("package", ROWS)
def test_where_to_begin_is_there(package: str) -> None:
    missing = [name for name in _names(ROWS[package]) if not (ROOT / package / name).is_file()]
    assert not missing, f"{package} has no {missing}"
    assert _names(ROWS[package]), f"{package} says nowhere to begin"


def test_whatever_is_named_is_there() -> None:
    """Paths are those of the repository, but in the last column of a package's row."""
    page = _ROW.sub(lambda row: row[0].removesuffix(f"{row[2]} |"), PAGE)
    missing = {name for name in _names(page) if _is_path(name) and not any(ROOT.glob(name))}
    assert not missing, missing


def test_names_of_the_code_are_still_its_names() -> None:
    """Each part of a dotted name stands somewhere in the code, in its tests, or in what a client may write."""
    code = "\n".join(file.read_text() for half in (*_HALVES, "tests") for file in (ROOT / half).rglob("*.py"))
    names = {
        part
        for name in re.findall(r"`([A-Za-z_][\w.]*)(?:\(\))?`", PAGE)
        if not _is_path(name)
        for part in name.split(".")
    }
    assert not {name for name in names if not re.search(rf"\b{name}\b", code)}


@pytest.mark.parametrize("rule", _INVARIANTS)
def test_every_invariant_is_held_by_a_file_that_names_it(rule: str) -> None:
    texts = [(ROOT / name).read_text() for name in _names(_INVARIANTS[rule])]
    assert any(re.search(rf"\b{rule}\b", text) for text in texts), f"nothing in {_INVARIANTS[rule]} speaks of {rule}"
