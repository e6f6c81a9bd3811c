"""Presets as data: every fact is one of `Dialect`, of its type."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from translators.dialects.families import FAMILIES
from translators.dialects.preset import Facts, facts, read_facts, when
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
