"""Histories of every origin: repeated, missing, foreign and injected ids, arguments broken anywhere.

The upstream gets a conversation that a Chat client could have had, and the model hears of no interruption that
did not happen.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.strict_chat import check_chat_request
from tests.support.translation import Json, encode, translate
from translators.asking.translate import Translation
from translators.dialects import PRESETS
from translators.errors import InvalidRequest
from translators.history.resent import resent
from translators.messages.builder import NO_OUTPUT
from translators.tools import cut
from translators.tools.cut import closed
from translators.tools.repair import RAW_ARGUMENTS, as_object

IDS = ("a", "b", "eval:0")
DIALECTS = st.sampled_from(["generic", "openai", "mistral", "anthropic"])


def user(text: str = "go", **more: Any) -> Json:
    return {"role": "user", "content": text, **more}


def called(call_id: str, arguments: str = "{}", name: str = "f", **more: Any) -> Json:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments, **more}


def returned(call_id: str | None, output: str = "done", **more: Any) -> Json:
    named = {} if call_id is None else {"call_id": call_id}
    return {"type": "function_call_output", **named, "output": output, **more}


def sent(items: list[Json], dialect: str = "generic") -> list[Json]:
    body = json.loads(translate({"model": "m", "input": items}, dialect).body())
    if dialect == "generic":
        check_chat_request(body)
    found: list[Json] = body["messages"]
    return found


def outline(messages: list[Json]) -> list[str]:
    """Who says what, with calls as `id=arguments` and outputs as `id:text`."""
    found = []
    for message in messages:
        calls = [f"{call['id']}={call['function']['arguments']}" for call in message.get("tool_calls", [])]
        said = f"{message['tool_call_id']}:{message['content']}" if message["role"] == "tool" else message["content"]
        found.append(" ".join(filter(None, [message["role"], said, *calls])))
    return found


def reported(items: list[Json]) -> list[str]:
    return [str(each) for each in translate({"model": "m", "input": items}).adaptations]


# --- one by one ------------------------------------------------------------------------------------


def test_c1_an_output_that_names_its_tool_and_no_call_is_said_by_a_user() -> None:
    heartbeat = returned(None, "<heartbeat>", id="fco_1", name="automation_update", namespace="codex_app")
    items = [user(), called("1"), heartbeat, heartbeat, returned("1")]
    assert outline(sent(items)) == ["user go", "assistant 1={}", "tool 1:done", "user <heartbeat>", "user <heartbeat>"]
    assert reported(items) == [f"changed input[{at}]: it answers no call: a user message says it" for at in (2, 3)]
    assert outline(sent([heartbeat])) == ["user <heartbeat>"]
    interrupted = [user(), called("1"), heartbeat]
    assert outline(sent(interrupted))[1:] == ["assistant 1={}", f"tool 1:{NO_OUTPUT}", "user <heartbeat>"]
    # Without a name it still answers by its place, and with the id of a call it answers that.
    assert outline(sent([called("1"), returned(None)])) == ["assistant 1={}", "tool 1:done"]
    assert outline(sent([called("1"), returned("1", name="f")])) == ["assistant 1={}", "tool 1:done"]


def test_c1_its_media_go_along() -> None:
    url = "data:image/png;base64,iVBORw0KGgo="
    parts = [{"type": "input_text", "text": "look"}, {"type": "input_image", "image_url": url}]
    [message] = sent([{"type": "function_call_output", "name": "camera", "output": parts}])
    assert message["content"] == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": url}},
    ]


def test_c5_calls_of_one_id_pair_in_their_order_and_differ_upstream() -> None:
    items = [
        *(called("0", '{"a":1}'), called("0", '{"a":2}'), returned("0", "one"), returned("0", "two")),
        *(called("0", '{"a":3}'), returned("0", "three")),
    ]
    assert outline(sent(items)) == [
        'assistant 0={"a":1} 0_2={"a":2}',
        *("tool 0:one", "tool 0_2:two"),
        'assistant 0_3={"a":3}',
        "tool 0_3:three",
    ]
    for dialect in ("openai", "mistral"):
        calls = [call["id"] for message in sent(items, dialect) for call in message.get("tool_calls", [])]
        assert len(set(calls)) == 3


def test_c5_an_id_that_looks_like_a_minted_one_stays_apart() -> None:
    items = [called("0_2"), returned("0_2", "x"), called("0"), returned("0"), called("0", '{"a":1}'), returned("0")]
    calls = [call["id"] for message in sent(items) for call in message.get("tool_calls", [])]
    assert calls == ["0_2", "0", "0_3"]


def test_c5_an_output_is_for_the_call_of_its_own_turn() -> None:
    """A model that counts its calls anew, interrupted once."""
    items = [user("x"), called("0", '{"a":1}'), user("y"), called("0", '{"a":2}'), returned("0", "two")]
    assert outline(sent(items)) == [
        *("user x", 'assistant 0={"a":1}', f"tool 0:{NO_OUTPUT}"),
        *("user y", 'assistant 0_2={"a":2}', "tool 0_2:two"),
    ]


def test_c6_a_call_sent_again_was_not_interrupted() -> None:
    items = [user(), called("q"), called("q"), returned("q", "66")]
    assert outline(sent(items)) == ["user go", "assistant q={}", "tool q:66"]
    assert reported(items) == ["ignored input[2]: call q was sent again"]


def test_c7_outputs_and_questions_that_come_again_are_left_out() -> None:
    items = [user("q"), called("1"), user("q"), returned("1", "x"), called("2"), user("q"), returned("1", "x")]
    items.append(returned("2", "y"))
    assert outline(sent(items)) == ["user q", "assistant 1={}", "tool 1:x", "assistant 2={}", "tool 2:y"]
    again = "the message was sent again, between a call and its output"
    assert reported(items) == [
        "ignored input[6]: call 1 has its output already",
        *(f"ignored input[{at}]: {again}" for at in (2, 5)),
    ]


def test_c7_a_question_put_again_after_an_interruption_stays() -> None:
    found = outline(sent([user("q"), called("1"), user("q")]))
    assert found == ["user q", "assistant 1={}", f"tool 1:{NO_OUTPUT}", "user q"]


def test_another_output_for_an_answered_call_is_no_secret() -> None:
    items = [called("1"), returned("1", "x"), returned("1", "other")]
    assert outline(sent(items)) == ["assistant 1={}", "tool 1:x"]
    assert reported(items) == ["dropped input[2]: call 1 has its output already"]


@pytest.mark.parametrize("call_id", ["nobody's", "x" * 5_000_000])
def test_a_foreign_output_is_refused_in_a_bounded_message(call_id: str) -> None:
    with pytest.raises(InvalidRequest, match="No tool call found") as caught:
        translate({"model": "m", "input": [user(), called("1"), returned(call_id)]})
    assert caught.value.param == "input[2].call_id"
    assert len(caught.value.message) < 300


# --- any mixture -----------------------------------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn, mark: str = "", *, answered: bool = False) -> list[Json]:
    """Every item has a text of its own. Outputs are of ids that were called; with `answered`, no call stays open."""
    numbers = itertools.count()
    items: list[Json] = []
    open_calls: list[str] = []
    for _ in range(draw(st.integers(1, 14))):
        kind = draw(st.sampled_from(["call", "call", "output", "output", "injected", "user", "assistant", "unnamed"]))
        known = sorted({item["call_id"] for item in items if "arguments" in item})
        if (kind == "output" and not known) or (kind == "unnamed" and not open_calls):
            kind = "call"
        call_id = draw(st.sampled_from(known if kind == "output" else IDS))
        text = f"{mark}t{next(numbers)}."
        item_id = draw(st.sampled_from([{}, {"id": f"fc_{mark}1"}]))
        if kind == "call":
            items.append(called(call_id, json.dumps({"a": text}), **item_id))
            open_calls.append(call_id)
        elif kind == "output":
            items.append(returned(call_id, text))
            if call_id in open_calls:
                open_calls.remove(call_id)
        elif kind == "unnamed":
            items.append(returned(open_calls.pop(0), text))
            items[-1].pop("call_id")
        elif kind == "injected":
            items.append(returned(None, text, name="n", namespace="codex_app"))
        else:
            items.append({"role": kind, "content": text})
    if answered:
        items += [returned(call_id, f"{mark}end{at}.") for at, call_id in enumerate(open_calls)]
    return items


def possible(items: list[Json], dialect: str) -> Translation:
    try:
        return translate({"model": "m", "input": items}, dialect)
    except InvalidRequest as error:
        assume(not error.message.startswith("No tool call found"))
        raise


@given(histories(), DIALECTS)
def test_any_mixture_is_a_conversation_in_which_everything_has_its_place(items: list[Json], dialect: str) -> None:
    translation = possible(items, dialect)
    body = json.loads(translation.body())
    for message in body["messages"]:
        for key in PRESETS[dialect].extra_body.keys() | {"name"}:
            message.pop(key, None)
    if dialect == "generic":
        check_chat_request(body)
    everything = json.dumps(body["messages"])
    places = {each.param.split(".")[0] for each in translation.adaptations}
    for at, item in enumerate(items):
        text = json.loads(item["arguments"])["a"] if "arguments" in item else item.get("content") or item["output"]
        assert everything.count(text) == 1 or (f"input[{at}]" in places and text not in everything)


@given(histories())
def test_interruptions_are_as_many_as_calls_without_an_output(items: list[Json]) -> None:
    translation = possible(items, "generic")
    told = json.dumps(json.loads(translation.body())["messages"]).count(NO_OUTPUT)
    calls = sum("arguments" in item for item in items)
    left_out = sum("has its output already" in each.reason for each in translation.adaptations)
    answers = sum(item.get("type") == "function_call_output" and "name" not in item for item in items) - left_out
    assert told == calls - answers


@given(histories(answered=True), histories("z"), DIALECTS)
def test_the_longer_history_begins_with_the_bytes_of_the_shorter(
    items: list[Json], more: list[Json], dialect: str
) -> None:
    """R5, from any point at which no call is open."""
    shorter = json.loads(possible([*items, user("z")], dialect).body())["messages"]
    longer = json.loads(possible([*items, user("z"), *more], dialect).body())["messages"]
    if shorter[-1]["role"] == "user" and longer[len(shorter) - 1] != shorter[-1]:
        shorter = shorter[:-1]  # neighbours become one message where roles take turns
    assert encode(longer)[: len(encode(shorter)) - 1] == encode(shorter)[:-1]


# --- what a stored history holds already --------------------------------------------------------------


def raws(*items: Json) -> list[msgspec.Raw]:
    return [msgspec.Raw(encode(item)) for item in items]


HISTORY = raws(
    user("q", id="msg_1"),
    {"type": "reasoning", "id": "rs_1", "summary": []},
    called("1", id="fc_1", status="completed"),
    returned("1", "x", id="fco_1"),
    {"type": "message", "id": "msg_2", "role": "assistant", "content": [{"type": "output_text", "text": "A"}]},
)


def test_c6_items_are_known_by_their_ids_whatever_their_form() -> None:
    spoken = {"id": "msg_2", "role": "assistant", "content": "A"}
    items = raws({"type": "reasoning", "id": "rs_1", "summary": [], "status": None}, called("1", id="fc_1"), spoken)
    assert resent(HISTORY, [*items, *raws(user("next"))]) == {0, 1, 2}


def test_c6_a_whole_history_without_ids_is_known_by_what_it_says() -> None:
    items = [user("q"), called("1"), returned("1", "x"), {"role": "assistant", "content": "A"}, user("next")]
    assert resent(HISTORY, raws(*items)) == {0, 1, 2, 3}
    assert resent(HISTORY, raws(*items[:2])) == set()
    assert resent(raws(user("q")), raws(user("q", id="new"))) == set()  # a user may ask twice


def test_c6_another_item_under_a_used_id_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="Duplicate item found with id msg_1") as caught:
        resent(HISTORY, raws(user("something else", id="msg_1")))
    assert caught.value.param == "input[0].id"


# --- arguments -------------------------------------------------------------------------------------

WHOLE = '{"a":"r\\u00e9m \\ud83d\\ude00 \\"x\\\\","b":[1,-2.5e+3,{"c":null,"d":true},[]],"é":{"f":"😀"}, "g" : 1}'


@pytest.mark.parametrize("end", range(len(WHOLE) + 1))
def test_c2_arguments_cut_anywhere_are_an_object_upstream(end: int) -> None:
    [message, *_] = sent([called("1", WHOLE[:end])])
    [call] = message["tool_calls"]
    found = json.loads(call["function"]["arguments"])
    assert RAW_ARGUMENTS not in found
    if end == len(WHOLE):
        assert call["function"]["arguments"] == WHOLE
    elif end > 8:
        assert found["a"] in ("r", "ré") or found["a"].startswith("rém")


@given(st.text(st.characters(codec="utf-8")) | st.text(alphabet='{}[]":,\\ud8 1e-tru\n'))
def test_c2_any_text_is_an_object_upstream(text: str) -> None:
    sent([called("1", text)])
    found, why = as_object(text)
    assert (found == text) == (why is None) or not text.strip()
    whole = closed(text)
    assert whole is None or isinstance(json.loads(whole), dict)


@pytest.mark.parametrize(
    ("arguments", "expected", "why"),
    [
        ('{"a":"rm', '{"a":"rm"}', "its arguments broke off and were closed"),
        ('```json\n{"a":1}\n```', '{"a":1}', "its arguments were freed from what stood around them"),
        ("do it", '{"arguments":"do it"}', "its arguments are no JSON object and stand under 'arguments'"),
        ('["a"]', '{"arguments":"[\\"a\\"]"}', "its arguments are no JSON object and stand under 'arguments'"),
        ('{"a":1}{"b":2}', '{"arguments":"{\\"a\\":1}{\\"b\\":2}"}', None),
        ('{"\\ud800":"\\udc00"}', '{"\\ufffd":"\\ufffd"}', "half of a surrogate pair in it became U+FFFD"),
        (' { "a" : 1 } ', ' { "a" : 1 } ', ""),
    ],
)
def test_c2_what_becomes_of_arguments(arguments: str, expected: str, why: str | None) -> None:
    items = [called("1", arguments), returned("1")]
    [message, _] = sent(items)
    assert message["tool_calls"][0]["function"]["arguments"] == expected
    if why is not None:
        assert reported(items) == ([f"changed input[0].arguments: {why}"] if why else [])


def test_c2_other_items_with_arguments_of_their_own() -> None:
    mcp = {"type": "mcp_call", "id": "m", "name": "n", "server_label": "s", "arguments": '{"a":', "output": "x"}
    search = {"type": "tool_search_call", "call_id": "t", "arguments": "find it"}
    found = outline(sent([mcp, search]))
    assert found[:3] == ["assistant m={}", "tool m:x", 'assistant t={"arguments":"\\"find it\\""}']


def test_c2_a_long_cut_call_costs_one_look() -> None:
    for piece in (
        '{"a":' + "[" * 100_000,
        '{"a":"' + "\\\\" * 100_000,
        '{"a":"' + "x" * 100_000,
    ):
        assert isinstance(json.loads(as_object(piece)[0]), dict)


@pytest.mark.parametrize("inner", ["\\\\", '\\"', "a", "\\n"])
def test_c2_a_cut_string_is_one_step_whatever_its_escapes(inner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    to_end = cut._end_of_string

    def counted(text: str, start: int) -> int:
        steps.append(start)
        return to_end(text, start)

    monkeypatch.setattr(cut, "_end_of_string", counted)
    text = '{"a":"' + inner * ((cut.LONGEST - 10) // len(inner))
    assert closed(text) == text + '"}'
    assert len(steps) == 2


def test_c2_a_call_over_the_limit_is_not_looked_at() -> None:
    assert closed('{"a":"' + "b" * cut.LONGEST) is None
