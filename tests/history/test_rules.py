"""The rules of what came before, for any items: no store, no upstream, values alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw, Struct

from translators.asking.parse import ParsedRequest, parse_request
from translators.errors import InvalidRequest, UpstreamError
from translators.history.continuation import (
    ConversationNamed,
    ResponseNamed,
    chain_items,
    check_ended,
    continued,
    decoded,
    goes_on,
    leave_out_resent,
    naming,
)
from translators.history.listed import listed
from translators.history.outline import outline_of
from translators.history.raw_items import item_id, join_items, split_arrays, split_input, split_items
from translators.history.references import by_id, check_count, missing, references, resolved
from translators.history.truncation import Truncation
from translators.history.window import behind_compaction, window_of

Json = dict[str, Any]

TEXT = st.text(max_size=20)
IDS = st.sampled_from(["a", "b", "c", "d"])
MESSAGES = st.builds(
    lambda role, content: {"type": "message", "role": role, "content": content},
    st.sampled_from(["user", "assistant", "developer"]),
    TEXT,
)
CALLS = st.builds(lambda id_: {"type": "function_call", "call_id": id_, "name": "f", "arguments": "{}"}, IDS)
OUTPUTS = st.builds(lambda id_: {"type": "function_call_output", "call_id": id_, "output": id_}, IDS)
COMPACTIONS = st.builds(lambda id_: {"type": "compaction", "id": id_, "encrypted_content": id_}, IDS)
ODD = st.sampled_from([{}, {"type": 7}, {"type": "later", "id": ["x"]}, {"id": "a"}])
ITEMS = st.lists(st.one_of(MESSAGES, CALLS, OUTPUTS, COMPACTIONS, ODD), max_size=8)


class Turn(Struct, frozen=True):
    status: str
    parent: str | None
    compacted: bool
    input: bytes
    output: bytes


def raw(items: list[Json]) -> list[Raw]:
    return [Raw(json.dumps(item, ensure_ascii=False).encode()) for item in items]


def plain(items: Any) -> list[Any]:
    return [json.loads(bytes(item)) for item in items]


def asking(input_: object, **fields: object) -> ParsedRequest:
    return parse_request(json.dumps({"model": "m", "input": input_, **fields}).encode())


# --- items as they came --------------------------------------------------------------------------


@given(st.lists(ITEMS, max_size=4))
def test_what_is_joined_falls_apart_into_the_same_bytes(lists: list[list[Json]]) -> None:
    arrays = [join_items(raw(items)) for items in lists]
    apart = [bytes(item) for array in arrays for item in split_items(array)]
    assert [bytes(item) for item in split_arrays(arrays)] == apart
    assert apart == [bytes(item) for items in lists for item in raw(items)]


@given(TEXT)
def test_a_text_stands_for_a_message_of_the_user(text: str) -> None:
    [message] = split_input(Raw(json.dumps(text).encode()))
    assert json.loads(bytes(message)) == {"type": "message", "role": "user", "content": text}
    assert outline_of(message).asks


@given(ITEMS)
def test_what_is_listed_stays_as_it_is_when_it_is_listed_again(items: list[Json]) -> None:
    for item in raw(items):
        once = listed(item)
        assert json.loads(bytes(listed(once))) == json.loads(bytes(once))
        assert (outline_of(once).kind, item_id(once)) == (outline_of(item).kind, item_id(item))
        if outline_of(item).kind != "message":
            assert once is item


# --- windows -------------------------------------------------------------------------------------


@given(ITEMS)
def test_what_stands_behind_a_compaction_begins_with_the_last_one(items: list[Json]) -> None:
    whole = raw(items)
    left = behind_compaction(whole)
    assert left == whole[len(whole) - len(left) :]
    if any(item.get("type") == "compaction" for item in items):
        assert outline_of(left[0]).type == "compaction"
        assert all(outline_of(item).type != "compaction" for item in left[1:])
    else:
        assert left == whole
    assert behind_compaction(left) == left


@given(ITEMS, ITEMS)
def test_a_window_covers_all_but_the_turn_that_has_to_be_answered(history: list[Json], items: list[Json]) -> None:
    """R6: where the history ends and the input begins does not matter."""
    params = asking(items).params
    window = window_of(params, raw(history))
    together = window_of(asking([*history, *items]).params, ())
    if window is None or together is None:
        assert window is together
        return
    assert (plain(window.items), window.covered) == (plain(together.items), together.covered)
    assert plain(window.items) == [*history, *items]
    assert 0 < window.covered <= len(window.items)
    summary = {"type": "compaction", "encrypted_content": "all of it"}
    compacted = window.compacted(params, summary)
    assert plain(split_input(compacted.input)) == [summary, *plain(window.items[window.covered :])]
    asked = plain(split_input(window.to_summarise(params).input))
    assert asked == [*plain(window.items), {"type": "compaction_trigger"}]


# --- references ----------------------------------------------------------------------------------


@given(st.lists(IDS, min_size=1, max_size=6), st.lists(st.sets(IDS), min_size=1, max_size=3))
def test_an_item_is_the_first_that_was_found(referred: list[str], places: list[set[str]]) -> None:
    """The history comes first, then the owners, in their order; what was found is looked for no more."""
    parsed = asking([*({"type": "item_reference", "id": id_} for id_ in referred), {"role": "user", "content": "?"}])
    wanted = references(parsed.items)
    assert wanted == dict(enumerate(referred))
    held = [
        {id_: Raw(json.dumps({"role": "user", "content": f"{id_} {at}", "id": id_}).encode()) for id_ in place}
        for at, place in enumerate(places)
    ]
    found = by_id(held[0].values())
    for owned in held[1:]:
        looked_for = missing(wanted, found)
        assert not set(looked_for) & found.keys()
        found |= {id_: owned[id_] for id_ in looked_for if id_ in owned}
    known = {id_: next((at for at, place in enumerate(places) if id_ in place), None) for id_ in referred}
    unknown = next((index for index, id_ in enumerate(referred) if known[id_] is None), None)
    if unknown is None:
        items = plain(split_input(resolved(parsed, wanted, found).params.input))
        assert [item["content"] for item in items] == [*(f"{id_} {known[id_]}" for id_ in referred), "?"]
    else:
        with pytest.raises(InvalidRequest) as refused:
            resolved(parsed, wanted, found)
        assert (refused.value.param, refused.value.code) == (f"input[{unknown}].id", "item_not_found")


def test_references_are_counted() -> None:
    wanted = {0: "a", 1: "a"}
    check_count(wanted, 2)
    with pytest.raises(InvalidRequest) as refused:
        check_count(wanted, 1)
    assert refused.value.code == "too_many_references"


# --- what continues what -------------------------------------------------------------------------


@pytest.mark.parametrize("previous", [None, "resp_1"])
@pytest.mark.parametrize("conversation", [None, "conv_1", {"id": "conv_1"}])
def test_one_thing_alone_can_be_gone_on_from(previous: str | None, conversation: object) -> None:
    params = asking("hi", previous_response_id=previous, conversation=conversation).params
    assert goes_on(params) == bool(previous or conversation)
    if previous and conversation:
        with pytest.raises(InvalidRequest) as refused:
            continued(params)
        assert refused.value.code == "mutually_exclusive_parameters"
    elif conversation:
        assert continued(params) == ConversationNamed("conv_1")
    else:
        assert continued(params) == (ResponseNamed("resp_1") if previous else None)


@given(st.lists(st.tuples(ITEMS, ITEMS), min_size=1, max_size=4), st.booleans())
def test_a_chain_is_its_inputs_and_outputs_in_order(turns: list[tuple[list[Json], list[Json]]], whole: bool) -> None:
    chain = [
        Turn("completed", None if at == 0 else "before", False, join_items(raw(given)), join_items(raw(made)))
        for at, (given, made) in enumerate(turns)
    ]
    said = [item for given, made in turns for item in [*given, *made]]
    assert plain(chain_items(chain)) == said
    assert plain(chain_items(chain, whole=False)) == said[: len(said) - len(turns[-1][1])]


def test_a_chain_that_begins_in_the_middle_needs_a_compaction() -> None:
    turn = Turn("completed", "gone", False, b'[{"role":"user"}]', b'[{"type":"compaction"},{"role":"assistant"}]')
    with pytest.raises(InvalidRequest, match="'gone' not found"):
        chain_items([turn])
    compacted = Turn("completed", "gone", True, turn.input, turn.output)
    assert plain(chain_items([compacted])) == [{"type": "compaction"}, {"role": "assistant"}]


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_nothing_goes_on_from_what_has_not_ended(status: str) -> None:
    with pytest.raises(InvalidRequest, match=f"still {status}"):
        check_ended("resp_1", [Turn(status, None, False, b"[]", b"[]")])


@given(st.lists(st.one_of(MESSAGES, CALLS), min_size=1, max_size=5), MESSAGES)
def test_a_history_that_is_sent_again_is_left_out(history: list[Json], new: Json) -> None:
    """Only where the model said or called something in it: a user may well say the same again."""
    parsed = asking([*history, new])
    left = leave_out_resent(parsed, raw(history))
    models = any(item["type"] == "function_call" or item.get("role") == "assistant" for item in history)
    assert plain(split_input(left.params.input)) == ([new] if models else [*history, new])
    assert left.resent == frozenset(range(len(history)) if models else ())
    assert leave_out_resent(parsed, ()) is parsed


def test_a_request_can_be_named_as_if_it_had_named_its_conversation() -> None:
    assert continued(naming(asking("hi"), "conv_1").params) == ConversationNamed("conv_1")


@given(ITEMS)
def test_a_history_is_read_whatever_it_holds(items: list[Json]) -> None:
    try:
        read = decoded(raw(items))
    except InvalidRequest:
        return
    assert len(read) <= len(items)


# --- truncation ----------------------------------------------------------------------------------


@given(st.lists(MESSAGES, max_size=12))
def test_each_refusal_leaves_out_more_until_nothing_can_go(items: list[Json]) -> None:
    truncation = Truncation(asking(items or "hi"), ())
    refusal = UpstreamError("too long", status=400, code="context_length_exceeded")
    before = len(items or ["hi"])
    for _ in range(9):
        shorter = truncation.after(refusal)
        if shorter is None:
            return
        left = len(split_input(shorter.params.input))
        assert 0 < left < before
        before = left
    pytest.fail("an upstream may refuse eight times at most")


def test_another_refusal_leaves_out_nothing() -> None:
    assert Truncation(asking("hi"), ()).after(UpstreamError("no", status=400, code="invalid_prompt")) is None
