"""`python -m tests.surface` writes docs/coverage.md."""

from __future__ import annotations

from tests.surface.page import page
from tests.surface.place import COVERAGE

COVERAGE.parent.mkdir(exist_ok=True)
COVERAGE.write_text(page())
