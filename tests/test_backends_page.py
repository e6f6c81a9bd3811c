"""docs/backends.md names every preset, and each address in it is found as it says."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from translators.dialects import PRESETS, choose
from translators.dialects.presets import BACKENDS

PAGE = (Path(__file__).parents[1] / "docs" / "backends.md").read_text()
ROWS = re.findall(r"^\| [^|]+ \| `?([^|`]*)`? \| `([a-z-]+)` \| ([^|]*) \|$", PAGE, re.MULTILINE)[1:]


def test_every_preset_is_named() -> None:
    assert {dialect for _, dialect, _ in ROWS} == set(PRESETS) - {"generic"}


@pytest.mark.parametrize(("url", "dialect", "found"), ROWS)
def test_found_by_host(url: str, dialect: str, found: str) -> None:
    chosen = choose(host=urlsplit(url).netloc, model_name="m").dialect.name
    assert chosen == (dialect if found.startswith(("yes", "by its port")) else "generic")
    assert "list of models" not in found or BACKENDS[dialect].listed is not None
