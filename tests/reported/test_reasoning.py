"""The thought of the model, to the client and back, whether or not the client stores anything."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from tests.support.drive import GENERIC, PIXEL, WEATHER, answer, call, chat, delta, messages, reported
from translators.opaque import Opaque, pack, unpack
from translators.sealing import PLAIN

Json = dict[str, Any]
STATELESS: Json = {"tools": [WEATHER], "include": ["reasoning.encrypted_content"], "store": False}
CALL: Json = {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"}
OUTPUT: Json = {"type": "function_call_output", "call_id": "c", "output": "sunny"}
ALWAYS = msgspec.structs.replace(GENERIC, reasoning_replay="all")


def turn(reasoning: Json, **request: Any) -> Json:
    """The assistant message of a turn that thought, called and was answered."""
    return messages([{"type": "reasoning", "id": "rs", "summary": []} | reasoning, CALL, OUTPUT], **request)[0]


def thought(**request: Any) -> Json:
    chunks = (delta(reasoning_content="let me "), delta(reasoning_content="see"), call("{}", finish="tool_calls"))
    found = answer(STATELESS | request, *chunks).output[0]
    assert found["type"] == "reasoning"
    return found


@pytest.mark.parametrize("summary", [None, "auto"])
def test_r01_r17_a_client_that_keeps_only_encrypted_content_gives_the_thought_back(summary: str | None) -> None:
    item = thought(reasoning={"summary": summary})
    stripped = {"type": "reasoning", "id": item["id"], "summary": [], "encrypted_content": item["encrypted_content"]}
    found = messages([stripped, CALL, OUTPUT])
    assert found[0]["reasoning_content"] == "let me see"
    assert found[0]["tool_calls"]


def test_r17_the_seal_is_only_made_when_asked_for() -> None:
    assert "encrypted_content" not in thought(include=[])


def test_r02_r03_r09_reasoning_is_part_of_the_assistant_message_it_led_to() -> None:
    parts = [{"type": "reasoning_text", "text": "hm"}]
    said = {"role": "assistant", "content": [{"type": "output_text", "text": "I look"}]}
    found = messages([{"type": "reasoning", "id": "rs", "summary": [], "content": parts}, said, CALL, OUTPUT])
    assert [message["role"] for message in found] == ["assistant", "tool", "user"]
    assert found[0]["content"] == "I look"
    assert found[0]["reasoning_content"] == "hm"
    assert len(found[0]["tool_calls"]) == 1


@pytest.mark.parametrize(
    "spelling",
    [
        {"content": [{"type": "reasoning_text", "text": "hm"}]},
        {"content": [{"type": "text", "text": "hm"}], "encrypted_content": "x" * 38},
        {"content": "hm"},
        {"content": ["hm"]},
        {"summary": [{"type": "summary_text", "text": "hm"}], "content": None},
        {"summary": "hm", "content": []},
        {"content": [{"type": "text", "text": "hm"}], "status": "completed", "encrypted_content": None},
    ],
)
def test_r05_every_spelling_is_read(spelling: Json) -> None:
    assert turn(spelling)["reasoning_content"] == "hm"


def test_r06_r07_replay_is_a_fact_of_the_upstream() -> None:
    never = msgspec.structs.replace(GENERIC, reasoning_replay="never")
    text = {"content": [{"type": "reasoning_text", "text": "hm"}]}
    assert "reasoning_content" not in turn(text, dialect=never)
    other = msgspec.structs.replace(GENERIC, reasoning_field="reasoning")
    assert turn(text, dialect=other)["reasoning"] == "hm"


def test_r08_content_is_a_string_beside_reasoning_and_calls() -> None:
    assert turn({"content": "hm"})["content"] == ""


def test_r14_what_a_backend_keeps_of_a_thought_survives_the_seal() -> None:
    opaque = Opaque(
        v=1, model="up", text="hm", details=[{"type": "reasoning.encrypted", "data": "x"}], calls={"c": {"s": 1}}
    )
    assert unpack(pack(opaque)) == opaque


SOUND = pack(Opaque(v=1, model="up", text="mine"))
FOREIGN = [
    *("", "x", "gAAAAAB" + "x" * 200, "rsn_" + "0" * 34, SOUND[:-3], SOUND[:30], SOUND.replace(".", "!"), SOUND + "ä"),
    PLAIN.seal(b"{}"),
    PLAIN.seal(b"[" * 100_000),
    PLAIN.seal(b'{"v":2,"model":"m"}'),
    base64.b64encode(b"\x00" * 60).decode(),
]


@pytest.mark.parametrize("blob", FOREIGN)
def test_r16_a_foreign_or_damaged_seal_leaves_the_readable_text(blob: str) -> None:
    item = {"summary": [{"type": "summary_text", "text": "short"}], "encrypted_content": blob}
    assert turn(item)["reasoning_content"] == "short"
    bare = [{"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": blob}, CALL, OUTPUT]
    assert "reasoning_content" not in messages(bare)[0]
    lost = [line for line in reported({"input": bare}) if "encrypted_content" in line]
    assert bool(lost) is bool(blob)


def test_r16_the_thought_of_another_model_is_still_its_text() -> None:
    blob = pack(Opaque(v=1, model="another", text="mine"))
    assert turn({"encrypted_content": blob})["reasoning_content"] == "mine"


def test_r18_thinking_blocks_in_content_are_reasoning() -> None:
    blocks = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "yes"}]
    found = answer({}, delta("stop", content=blocks))
    assert [item["type"] for item in found.output] == ["reasoning", "message"]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_r20_reasoning_comes_with_its_whole_life_before_the_message(field: str) -> None:
    found = answer({}, delta(**{field: "hm"}), delta("stop", content="yes"))
    assert found.output[0]["content"] == [{"type": "reasoning_text", "text": "hm"}]
    assert found.output[1]["type"] == "message"
    summarized = answer({"reasoning": {"summary": "auto"}}, delta(**{field: "hm"}), delta("stop", content="yes"))
    assert summarized.output[0]["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert summarized.of("reasoning_summary_text.delta")


def test_r05_thoughts_of_two_items_are_joined_in_order() -> None:
    first = {"type": "reasoning", "id": "1", "summary": [], "content": "a"}
    second = {"type": "reasoning", "id": "2", "summary": [], "content": "b"}
    assert messages([first, second, CALL, OUTPUT])[0]["reasoning_content"] == "ab"


def test_reasoning_is_replayed_on_answers_too_where_the_upstream_wants_it() -> None:
    items = [
        {"role": "user", "content": [{"type": "input_image", "image_url": PIXEL}]},
        {"type": "reasoning", "id": "rs", "summary": [], "content": "hm"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": "why?"},
    ]
    assert chat({"input": items}, dialect=ALWAYS)["messages"][1]["reasoning_content"] == "hm"
    assert "reasoning_content" not in chat({"input": items})["messages"][1]


@pytest.mark.parametrize("apart", [True, False], ids=["in a message of its own", "before the text"])
def test_a_tagged_thought_is_reasoning_again(apart: bool) -> None:
    """Pydantic AI resends a thought that it has no signature for as the assistant's text, in tags."""
    said = ["<think>\nI must look.\n</think>", "Looking."] if apart else ["<think>\nI must look.\n</think>\n\nLooking."]
    spoken = [{"role": "assistant", "content": text} for text in said]
    found = messages([*spoken, CALL, OUTPUT])
    assert found[0]["reasoning_content"] == "I must look."
    assert found[0]["content"] == "Looking."
