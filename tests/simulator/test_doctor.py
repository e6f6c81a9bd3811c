"""Doctor finds out what each simulated backend is like, told nothing but its address and key."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.commands.doctor import Diagnosis, diagnose
from proxy.config import Config, UpstreamSettings
from proxy.config.secret import Secret
from tests.simulator import BACKENDS, Facts, Simulator
from tests.simulator.server import KEY
from translators.dialects import PRESETS

# What the simulated backends put their thoughts into, as the dialect says it.
FIELDS = {
    "reasoning_content": "reasoning_content",
    "reasoning": "reasoning",
    "details": "reasoning_details",
    "cumulative_details": "reasoning_details",
}


async def examine(name: str) -> Diagnosis:
    async with Simulator(BACKENDS[name]) as simulator:
        config = Config(upstreams={"up": UpstreamSettings(base_url=simulator.base_url, api_key=Secret(KEY))})
        return await diagnose(config, "up", simulator.facts.model)


@pytest.mark.parametrize("name", sorted(BACKENDS))
async def test_doctor_finds_the_dialect(name: str) -> None:
    diagnosis = await examine(name)
    found, facts = diagnosis.facts, BACKENDS[name]
    expected: dict[str, Any] = {
        "developer_role": facts.developer,
        "system_placement": "anywhere" if facts.late_system else "leading",
        "alternate_roles": facts.alternates,
        "tools": facts.tools,
        "json_object": "response_format" not in facts.refuses and "json_object" in facts.formats,
        "images": facts.images & {"data"},
        "stream_usage": "option" if facts.usage == "asked" else "implicit",
    }
    by_schema = "response_format" not in facts.refuses and "json_schema" in facts.formats and not facts.ignores_format
    assert (found["structured"] == "json_schema") is by_schema
    if facts.auth_header != "authorization":
        expected["auth_header"] = facts.auth_header
    if facts.tools:
        # A backend that takes the field and ignores it cannot be told from a model that calls nothing.
        expected["tool_choice"] = None if facts.ignores_choice else choices(facts)
    if facts.efforts is not None:
        taken = [level for level in PRESETS["generic"].efforts if level in facts.efforts]
        expected["efforts"] = tuple(taken)
    if facts.reasoning in FIELDS and facts.thinks in ("always", "unless_told"):
        expected["reasoning_field"] = FIELDS[facts.reasoning]
    if facts.reasoning == "tags":
        expected["think_tags"] = (facts.tag,)
    if facts.replay.startswith("wanted") and facts.thinks == "unless_told":
        expected["reasoning_replay"] = "all"
    if facts.tools:
        expected["bridge_after_tool"] = not facts.user_behind_tool
        expected["calls_per_message"] = "one" if facts.calls_a_turn == 1 else "many"
        expected["text_beside_calls"] = facts.text_beside_calls
        expected["tool_call_id"] = {r".{1,40}": "max40", r".+": "keep"}.get(facts.call_id, "alnum9")
    assert {fact: found.get(fact) for fact in expected} == expected
    assert next(iter(diagnosis.lines())) == "dialect:"


def choices(facts: Facts) -> frozenset[str]:
    if "tool_choice" in facts.refuses:
        return frozenset()
    left = facts.choices
    if facts.choices_thinking is not None and facts.thinks == "unless_told":
        left = facts.choices_thinking
    return left
