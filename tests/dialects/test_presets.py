"""Presets as data: every fact is one of `Dialect`, of its type, and says where it is from."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cases import FIXTURES
from translators.dialects import presets
from translators.dialects.families import FAMILIES
from translators.dialects.preset import FACTS, Facts, facts, read_facts, when
from translators.dialects.presets import BACKENDS


def _all() -> Iterator[tuple[str, Facts]]:
    for found in BACKENDS.values():
        yield found.name, found.facts
        yield from ((f"{found.name} for {rule.pattern}", rule.facts) for rule in found.models)
    yield from ((f"family {family.name}", family.facts) for family in FAMILIES)


@pytest.mark.parametrize(("place", "given"), list(_all()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_fact_is_one_of_a_dialect(place: str, given: Facts) -> None:
    """They are made without being looked at, so that no start pays for it."""
    assert read_facts(given) == given


def test_the_type_checker_knows_facts() -> None:
    """mypy warns of each comment here that is not needed, so it finds what is wrong with these."""
    for wrong in (
        facts(tool_choise=frozenset({"auto"})),  # type: ignore[call-arg]
        facts(tool_choice=frozenset({"never"})),  # type: ignore[arg-type]
        facts(strict_tools="yes"),  # type: ignore[arg-type]
        when("gpt", schema=("inline",)).facts,  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError, match=r"no fact|[Ee]xpected"):
            read_facts(wrong)


FOLDER = Path(presets.__file__).parent
FILES = [path for path in sorted(FOLDER.glob("*.py")) if path.stem != "__init__"]
SOURCE = re.compile(r"https://\S+\.\S+|\b[\w.-]+/[\w.-]+#\d+|\bfixtures/[a-z0-9-]+")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_preset_says_where_its_facts_are_from(path: Path) -> None:
    """A page, a thread or a recording at least, and each fact by its name, be it to say that nothing was read of it."""
    text = path.read_text()
    said = ast.get_docstring(ast.parse(text)) or ""
    sources = SOURCE.findall(said)
    assert sources
    for source in sources:
        assert not source.startswith("fixtures/") or (FIXTURES / source.removeprefix("fixtures/")).is_dir()
    given = {name for name in re.findall(r"\b([a-z_]+)=", text) if name in FACTS}
    assert given <= set(re.findall(r"`([a-z_]+)`", said))
