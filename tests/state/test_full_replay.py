"""R6: a history and an input, split anywhere, give the Chat request that the whole gives."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from proxy.state.history import History
from translators.asking.parse import parse_request
from translators.asking.translate import Settings, to_chat
from translators.dialects import PRESETS
from translators.history.raw_items import split_input, with_id

TEXTS = st.sampled_from(["Hi", "", "ä\u2028", "two\nlines"])


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(8)}"


@st.composite
def turns(draw: Any) -> list[list[dict[str, Any]]]:
    """What a user and a model say to each other, calls and thoughts included, turn by turn."""
    made = []
    for number in range(draw(st.integers(1, 4))):
        turn: list[dict[str, Any]] = [{"role": "user", "content": draw(TEXTS)}]
        if draw(st.booleans()):
            thought = {"type": "reasoning_text", "text": "hm"}
            turn.append({"type": "reasoning", "summary": [], "content": [thought]})
        calls = [f"call_{number}_{index}" for index in range(draw(st.integers(0, 2)))]
        turn += [{"type": "function_call", "call_id": call, "name": "f", "arguments": "{}"} for call in calls]
        turn += [{"type": "function_call_output", "call_id": call, "output": "ok"} for call in calls]
        content = [{"type": "output_text", "text": draw(TEXTS), "annotations": []}]
        turn.append({"type": "message", "role": "assistant", "status": "completed", "content": content})
        made.append(turn)
    return made


@given(conversation=turns(), dialect=st.sampled_from(sorted(PRESETS)), data=st.data())
def test_a_continued_turn_is_a_full_replay(
    conversation: list[list[dict[str, Any]]], dialect: str, data: st.DataObject
) -> None:
    items = [item for turn in conversation for item in turn] + [{"role": "user", "content": "Last"}]
    cut = data.draw(st.integers(0, len(items) - 1))
    whole = parse_request(msgspec.json.encode({"model": "m", "input": items}))
    part = parse_request(msgspec.json.encode({"model": "m", "input": items[cut:]}))
    kept = [Raw(with_id(raw, new_id).json) for raw in split_input(Raw(msgspec.json.encode(items[:cut])))]
    settings = Settings(model="m")
    continued = to_chat(part, PRESETS[dialect], settings, History(kept).decoded())
    assert continued.body() == to_chat(whole, PRESETS[dialect], settings).body()
