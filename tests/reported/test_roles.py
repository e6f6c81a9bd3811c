"""Instructions of every role, early and late, where templates are strict and where they are not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.drive import translate
from translators.dialects import PRESETS

Json = dict[str, Any]
REQUEST: Json = {
    "instructions": "Be brief.",
    "input": [
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": "Hi"},
        {"role": "developer", "content": "Be late."},
    ],
}


def roles(preset: str) -> list[tuple[str, str]]:
    sent = json.loads(translate(REQUEST, dialect=PRESETS[preset]).body())
    return [(message["role"], message["content"]) for message in sent["messages"]]


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_m01_developer_is_a_role_only_where_it_is_known(preset: str) -> None:
    known = PRESETS[preset].developer_role and PRESETS[preset].system_placement == "anywhere"
    assert ("developer" in dict(roles(preset))) == known


def test_m02_early_instructions_are_one_leading_message_for_a_strict_template() -> None:
    assert roles("generic")[:2] == [("system", "Be brief.\n\nBe kind."), ("user", "Hi")]


def test_m03_late_instructions_stay_where_they_are() -> None:
    assert roles("generic")[2:] == [("user", "<developer_message>\nBe late.\n</developer_message>")]
    assert roles("deepseek") == [
        *(("system", "Be brief."), ("system", "Be kind.")),
        *(("user", "Hi"), ("system", "Be late.")),
    ]


def test_m04_a_developer_keeps_place_and_mark() -> None:
    """Its text is told apart from the user's, and stands behind what it was said after."""
    assert [role for role, _ in roles("openai")] == ["system", "developer", "user", "developer"]
    assert "developer" in roles("generic")[-1][1]
