"""What `truncation: "auto"` leaves out: whole turns from the front, never an instruction or an open call."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from translators.history.truncation import Shortened, share_that_fits, shortened

Json = dict[str, Any]


def raw(item: Json) -> Raw:
    return Raw(json.dumps(item).encode())


def names(cut: Shortened | None) -> list[str]:
    assert cut is not None
    return [json.loads(bytes(item))["id"] for item in cut.items]


def say(name: str, role: str = "user", length: int = 100) -> Json:
    return {"id": name, "type": "message", "role": role, "content": "x" * length}


def call(name: str) -> Json:
    return {"id": name, "type": "function_call", "call_id": name, "name": "f", "arguments": "{}"}


def output(name: str) -> Json:
    return {"id": f"{name}_out", "type": "function_call_output", "call_id": name, "output": "y" * 100}


HISTORY = [
    say("rules", "developer"),
    say("q1"),
    call("c1"),
    output("c1"),
    say("a1", "assistant"),
    say("late", "system"),
    say("q2"),
    say("q2b"),
    say("a2", "assistant"),
    say("q3"),
    call("c3"),
    output("c3"),
]


def test_turns_go_whole_and_instructions_stay() -> None:
    items = [raw(item) for item in HISTORY]
    whole = sum(len(bytes(item)) for item in items)
    assert names(shortened(items, whole - 1)) == ["rules", "late", "q2", "q2b", "a2", "q3", "c3", "c3_out"]
    assert names(shortened(items, 700)) == ["rules", "late", "q3", "c3", "c3_out"]
    assert names(shortened(items, 0)) == ["rules", "late", "q3", "c3", "c3_out"], (
        "the open turn stays whatever it takes"
    )


def test_one_turn_cannot_be_shortened() -> None:
    assert shortened([raw(say("rules", "system")), raw(say("q")), raw(call("c")), raw(output("c"))], 0) is None
    assert shortened([], 0) is None
    assert shortened([raw({"type": 1}), Raw(b"[]")], 0) is None


item_lists = st.lists(st.sampled_from(HISTORY), max_size=30)


@given(item_lists, st.integers(0, 5000))
def test_what_is_left_is_the_end_of_the_history_and_every_instruction(history: list[Json], room: int) -> None:
    items = [raw(item) for item in history]
    cut = shortened(items, room)
    if cut is None:
        return
    left = [json.loads(bytes(item)) for item in cut.items]
    instructions = [item for item in history if item.get("role") in ("system", "developer")]
    spoken = [item for item in left if item.get("role") not in ("system", "developer")]
    assert [item for item in left if item.get("role") in ("system", "developer")] == instructions
    assert spoken[0]["role"] == "user"
    others = [item for item in history if item.get("role") not in ("system", "developer")]
    assert others[len(others) - len(spoken) :] == spoken
    assert cut.left_out == len(history) - len(left) > 0


@given(item_lists, st.integers(0, 5000), st.integers(0, 5000))
def test_less_room_never_leaves_more(history: list[Json], room: int, other: int) -> None:
    items = [raw(item) for item in history]
    less, more = shortened(items, min(room, other)), shortened(items, max(room, other))
    if less is not None and more is not None:
        assert less.left_out >= more.left_out


@pytest.mark.parametrize(
    ("refusal", "share"),
    [
        ("This model's maximum context length is 8000 tokens. However, you requested 10000 tokens (9000 in …)", 0.8),
        ("maximum context length is 8000 tokens. However, your messages resulted in 16000 tokens", 0.5),
        ("the request exceeds the available context size (8192 tokens), try increasing it", None),
        ("Input is too long.", None),
        ("maximum of 4096 tokens, but the prompt has length 8192", 0.5),
    ],
)
def test_what_a_refusal_tells(refusal: str, share: float | None) -> None:
    assert share_that_fits(refusal) == share
