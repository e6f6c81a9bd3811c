"""docs/dialects.md names every preset and every fact."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec

from translators.dialects import PRESETS, Dialect
from translators.dialects.dialect import CallForm, Control, SchemaStep

TEXT = (Path(__file__).parents[2] / "docs" / "dialects.md").read_text()
NAMED = set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)))


def test_every_preset_is_named() -> None:
    assert PRESETS.keys() <= NAMED


def test_every_fact_is_named() -> None:
    facts = {field.name for field in msgspec.structs.fields(Dialect)} - {"name"}
    assert facts <= NAMED


def test_every_value_of_a_choice_is_named() -> None:
    choices = [
        hint for hint in get_type_hints(Dialect).values() if all(isinstance(word, str) for word in get_args(hint))
    ]
    words = {word for hint in (*choices, Control, SchemaStep, CallForm) for word in get_args(hint)}
    assert words <= NAMED
