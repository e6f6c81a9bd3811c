"""A loop of tools over three turns with every preset: what a backend answers comes back to it as it wants it."""

from __future__ import annotations

import json

import pytest

from tests.support.answered import answer
from tests.support.dialect_rules import check_dialect_request
from tests.support.translation import Json, encode
from translators.asking.parse import parse_request
from translators.asking.translate import Settings, to_chat
from translators.dialects import PRESETS, Dialect

TOOL: Json = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}


def thought(dialect: Dialect, text: str) -> Json:
    """A piece of reasoning in the dialect's own field."""
    fields: dict[str, Json] = {
        "think_tags": {"content": f"<think>{text}</think>"},
        "content_parts": {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]},
        "reasoning_details": {"reasoning_details": [{"type": "reasoning.text", "text": text, "signature": "s"}]},
    }
    return fields.get(dialect.reasoning_field, {dialect.reasoning_field: text})


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_three_turns(name: str) -> None:
    dialect = PRESETS[name]
    items: list[Json] = [{"role": "user", "content": "q"}]
    before = b""
    for turn in range(3):
        request = {"model": "m", "input": items, "tools": [TOOL], "include": ["reasoning.encrypted_content"]}
        asked = to_chat(parse_request(encode(request)), dialect, Settings(model="m"))
        body: Json = json.loads(asked.body())
        check_dialect_request(body, dialect)
        messages = encode(body["messages"])
        assert messages.startswith(before[:-1])
        before = messages
        calls = [
            {"index": n, "id": f"call_{turn}_{n}_" + "x" * 40, "function": {"name": "look", "arguments": "{}"}}
            for n in range(2)
        ]
        deltas = [thought(dialect, f"thought {turn}"), {"content": "I look."}, {"tool_calls": calls}]
        output = answer(asked, deltas, "tool_calls")["output"]
        outputs = [
            {"type": "function_call_output", "call_id": item["call_id"], "output": "seen"}
            for item in output
            if item["type"] == "function_call"
        ]
        # Codex sends back nothing of a thought but what is sealed.
        stripped = [{**item, "content": [], "summary": []} if item["type"] == "reasoning" else item for item in output]
        items = [*items, *stripped, *outputs]
    sent = before.decode()
    replayed = dialect.reasoning_replay != "never" and dialect.tools
    assert ("thought 0" in sent and "thought 1" in sent) == replayed
    assert dialect.reasoning_field != "reasoning_details" or '"signature": "s"' in sent
