"""`answer_to(body, facts)`: what the simulated model says. A word in the first user message chooses the scene."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from tests.simulator.facts import Facts, Json
from tests.simulator.rules import text_of, thinking

THOUGHT = "Let me think about it."
GREETING = "Hello, world. <b>1 < 2</b>"
JSON_ANSWER = '{"city": "Paris"}'
STEPS = 3
_SCENE = re.compile(r"scene:(\w+)")


@dataclass(frozen=True)
class Said:
    text: str = ""
    thought: str = ""
    calls: list[tuple[str, Json]] = field(default_factory=list)


def scene_of(body: Json) -> str:
    told = " ".join(text_of(message) for message in body["messages"] if message["role"] == "user")
    found = _SCENE.search(told)
    return found[1] if found else ""


def answer_to(body: Json, facts: Facts) -> Said:
    thought = THOUGHT if thinking(body, facts) else ""
    scene, names = scene_of(body), [tool["function"]["name"] for tool in body.get("tools", [])]
    outputs = sum(message["role"] == "tool" for message in body["messages"])
    choice = body.get("tool_choice")
    forced = (isinstance(choice, dict) or choice == facts.required_word) and not facts.ignores_choice
    if forced and scene != "loop":
        name = choice["function"]["name"] if isinstance(choice, dict) else names[0]
        return Said(thought=thought, calls=[(name, {"city": "Paris"})])
    if scene == "parallel" and names and not outputs:
        return Said(thought=thought, calls=[(names[0], {"city": city}) for city in _cities(body, facts)])
    if scene == "loop" and names and outputs < STEPS:
        said = f"Step {outputs + 1}." if facts.text_beside_calls else ""
        return Said(said, thought, [(names[0], {"city": f"c{outputs}"})])
    if scene == "json" or "response_format" in body:
        return Said(_as_json(body, facts), thought)
    return Said(GREETING if scene == "text" else "Done.", thought)


def _cities(body: Json, facts: Facts) -> list[str]:
    wanted = body.get("parallel_tool_calls", facts.parallel_unasked)
    return ["Paris", "Rome"] if facts.parallel and wanted else ["Paris"]


def _as_json(body: Json, facts: Facts) -> str:
    told = " ".join(text_of(message) for message in body["messages"])
    kind = "" if facts.ignores_format else body.get("response_format", {}).get("type", "")
    if kind == "json_schema" or "schema" in body.get("response_format", {}):
        return JSON_ANSWER
    if '"city"' in told and "JSON" in told:
        return JSON_ANSWER if kind == "json_object" else f"```json\n{JSON_ANSWER}\n```"
    return json.dumps({"answer": "Paris"}) if kind == "json_object" else "It is Paris."
