"""Where the page is."""

from __future__ import annotations

from pathlib import Path

COVERAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
