"""The checks themselves: a good stream passes, and each invariant rejects the fault it is there for."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.checks import Emitted, accumulate, check_events, check_frames, check_item, check_response
from tests.support.good_stream import (
    EMPTY_TEXT,
    GOOD,
    MESSAGE,
    OSLO,
    OUTPUT,
    PARIS,
    PATCH,
    REASONING,
    STARTED,
    USAGE,
    at,
    cut_short,
    numbered,
    response,
)
from tests.support.grammar import Json

Mutation = Callable[[list[Json]], object]


def place(events: list[Json], type: str, number: int = 0) -> int:  # noqa: A002 - the wire's own word
    return [n for n, event in enumerate(events) if event["type"] == f"response.{type}"][number]


def renumber(events: list[Json]) -> None:
    for number, event in enumerate(events):
        event["sequence_number"] = number


def drop(type: str, number: int = 0) -> Mutation:  # noqa: A002
    def mutate(events: list[Json]) -> None:
        del events[place(events, type, number)]
        renumber(events)

    return mutate


def repeat(type: str, number: int = 0) -> Mutation:  # noqa: A002
    def mutate(events: list[Json]) -> None:
        index = place(events, type, number)
        events.insert(index, copy.deepcopy(events[index]))
        renumber(events)

    return mutate


def swap(type: str, number: int = 0) -> Mutation:  # noqa: A002
    """Exchange an event with the one after it."""

    def mutate(events: list[Json]) -> None:
        index = place(events, type, number)
        events[index : index + 2] = reversed(events[index : index + 2])
        renumber(events)

    return mutate


def put(type: str, *path: str | int, value: object, number: int = 0) -> Mutation:  # noqa: A002
    """Replace one value inside an event."""

    def mutate(events: list[Json]) -> None:
        target: Any = events[place(events, type, number)]
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = value

    return mutate


def at_once(*mutations: Mutation) -> Mutation:
    return lambda events: [mutate(events) for mutate in mutations]


FAULTS: list[tuple[str, str, Mutation]] = [
    ("S1", "does not begin with created", drop("created")),
    ("S1", "has no in_progress", drop("in_progress")),
    ("S1", "is created twice", repeat("created")),
    ("S1", "has no terminal event", drop("completed")),
    ("S1", "has two terminal events", repeat("completed")),
    (
        "S1",
        "goes on after its terminal event",
        lambda events: events.append({**events[2], "sequence_number": len(events)}),
    ),
    ("S2", "skips a number", put("refusal.delta", "sequence_number", value=99)),
    ("S2", "starts at one", lambda events: [event.update(sequence_number=n) for n, event in enumerate(events, 1)]),
    ("S4", "adds an item twice", repeat("output_item.added")),
    ("S3", "never ends a message", drop("output_item.done", 1)),
    ("S3", "never ends a call of a completed response", drop("output_item.done", 2)),
    ("S5", "ends an item twice", repeat("output_item.done", 1)),
    ("S3", "ends an item under another id", put("output_item.done", "item", "id", value="msg_2", number=1)),
    ("S3", "gives a delta another item id", put("output_text.delta", "item_id", value="msg_2")),
    ("S3", "changes a call_id", put("output_item.done", "item", "call_id", value="call_9", number=2)),
    ("S4", "adds at the wrong output_index", put("output_item.added", "output_index", value=0, number=1)),
    (
        "S4",
        "orders the output differently",
        put("completed", "response", "output", value=[MESSAGE, REASONING, PARIS, OSLO, PATCH]),
    ),
    ("S5", "gives a delta to an item never added", put("output_text.delta", "output_index", value=7)),
    (
        "S5",
        "gives a delta to an item that is done",
        at_once(put("refusal.delta", "item_id", value="rs_1"), put("refusal.delta", "output_index", value=0)),
    ),
    ("S5", "uses an item id twice", put("output_item.added", "item", "id", value="fc_1", number=3)),
    ("S5", "uses a call_id twice", put("output_item.added", "item", "call_id", value="call_1", number=3)),
    ("S6", "has a done text that is not the deltas", put("output_text.done", "text", value="Looking")),
    ("S6", "loses a delta", drop("output_text.delta", 1)),
    ("S6", "sends a delta after the text is done", swap("function_call_arguments.delta", 2)),
    ("S6", "has a part that is not the deltas", put("content_part.done", "part", "text", value="Look", number=1)),
    ("S6", "has an item that is not the deltas", put("output_item.done", "item", "arguments", value="{}", number=2)),
    ("S6", "skips arguments.done", drop("function_call_arguments.done")),
    ("S6", "names the call differently", put("function_call_arguments.done", "name", value="other")),
    ("S6", "loses logprobs", put("output_text.done", "logprobs", value=[])),
    ("S6", "loses an annotation", put("content_part.done", "part", "annotations", value=[], number=1)),
    ("S7", "has a delta without its part", drop("content_part.added", 1)),
    ("S7", "never ends a part", drop("content_part.done", 1)),
    ("S7", "skips the text's done event", drop("output_text.done")),
    ("S7", "numbers a part wrongly", put("content_part.added", "content_index", value=1, number=1)),
    ("S7", "gives a refusal delta to a text part", put("refusal.delta", "content_index", value=0)),
    ("S7", "numbers an annotation wrongly", put("output_text.annotation.added", "annotation_index", value=1)),
    ("S7", "ends a summary before its text", swap("reasoning_summary_text.done")),
    ("S8", "has another item in the output", put("completed", "response", "output", 1, "status", value="incomplete")),
    ("S8", "has an item too few in the output", put("completed", "response", "output", value=OUTPUT[:-1])),
    ("S9", "names another status", put("completed", "response", "status", value="incomplete")),
    ("S9", "completes with an error", put("completed", "response", "error", value={"code": "c", "message": "m"})),
    ("S9", "completes with details", put("completed", "response", "incomplete_details", value={"reason": "r"})),
    ("S9", "completes without completed_at", put("completed", "response", "completed_at", value=None)),
    (
        "S9",
        "completes with an item left incomplete",
        at_once(
            put("output_item.done", "item", "status", value="incomplete", number=1),
            put("completed", "response", "output", 1, "status", value="incomplete"),
        ),
    ),
    ("S9", "ends a truncated call", put("output_item.done", "item", "status", value="incomplete", number=2)),
    ("S10", "shows output in created", put("created", "response", "output", value=OUTPUT)),
    ("S10", "adds an item with text in it", put("output_item.added", "item", "arguments", value="{", number=2)),
    ("S10", "adds an item that is done", put("output_item.added", "item", "status", value="completed", number=1)),
    ("S10", "adds a part with text in it", put("content_part.added", "part", "text", value="Lo", number=1)),
    ("S13", "has an empty delta", at_once(repeat("refusal.delta"), put("refusal.delta", "delta", value=""))),
    (
        "S13",
        "has a text delta without logprobs",
        lambda events: events[place(events, "output_text.delta")].pop("logprobs"),
    ),
    ("R8", "changes its id", put("completed", "response", "id", value="resp_2")),
    ("R8", "changes its echo", put("completed", "response", "temperature", value=0.5)),
    ("grammar", "has an unknown event", put("refusal.delta", "type", value="response.refused.delta")),
    ("grammar", "has arguments in a message", put("refusal.delta", "type", value="response.mcp_call_arguments.delta")),
]


def test_a_good_stream_gives_its_terminal_response() -> None:
    assert check_events(GOOD) == GOOD[-1]["response"]


@pytest.mark.parametrize(
    ("invariant", "mutate"), [(i, m) for i, _, m in FAULTS], ids=[f"{i} {t}" for i, t, _ in FAULTS]
)
def test_a_stream_with_a_fault_is_rejected(invariant: str, mutate: Mutation) -> None:
    events = copy.deepcopy(GOOD)
    mutate(events)
    with pytest.raises(AssertionError, match=rf"^{invariant} "):
        check_events(events)


def test_in_progress_may_come_again_as_a_keep_alive() -> None:
    events = copy.deepcopy(GOOD)
    events.insert(5, copy.deepcopy(events[1]))
    renumber(events)
    assert check_events(events) == GOOD[-1]["response"]


@pytest.mark.parametrize("status", ["incomplete", "failed"])
def test_a_call_cut_short_needs_no_done_event(status: str) -> None:
    events = cut_short(status)
    assert check_events(events)["output"][2]["status"] == "incomplete"


@pytest.mark.parametrize(
    ("invariant", "mutate"),
    [
        pytest.param("S3", put("incomplete", "response", "output", 2, "status", value="completed"), id="completed"),
        pytest.param("S6", put("incomplete", "response", "output", 2, "arguments", value="{}"), id="other arguments"),
        pytest.param("S3", put("incomplete", "response", "output", 2, "call_id", value="x"), id="other call_id"),
        pytest.param("S9", put("incomplete", "response", "incomplete_details", value=None), id="no details"),
        pytest.param("S9", put("incomplete", "response", "incomplete_details", value={"reason": "x"}), id="reason"),
    ],
)
def test_a_call_cut_short_must_stand_in_the_output_as_it_was(invariant: str, mutate: Mutation) -> None:
    events = cut_short("incomplete")
    mutate(events)
    with pytest.raises(AssertionError, match=rf"^{invariant} "):
        check_events(events)


def test_a_call_cut_short_has_no_arguments_done() -> None:
    events = cut_short("incomplete")
    done = {"type": "response.function_call_arguments.done", **at(PARIS, 2, name="get_weather", arguments="{}")}
    events.insert(-1, {**done, "arguments": PARIS["arguments"]})
    renumber(events)
    with pytest.raises(AssertionError, match=r"^S3 .* was done, its item never"):
        check_events(events)


def test_a_hosted_call_goes_through_its_steps() -> None:
    item = {"type": "web_search_call", "id": "ws_1", "status": "in_progress", "action": {"type": "search"}}
    done = {**item, "status": "completed"}
    events = numbered(
        *STARTED,
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        *(
            {"type": f"response.web_search_call.{step}", **at(item, 0)}
            for step in ("in_progress", "searching", "completed")
        ),
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {"type": "response.completed", "response": response("completed", [done])},
    )
    check_events(events)
    for broken in (
        drop("web_search_call.searching"),
        swap("web_search_call.in_progress"),
        drop("web_search_call.completed"),
    ):
        worse = copy.deepcopy(events)
        broken(worse)
        with pytest.raises(AssertionError, match=r"^grammar "):
            check_events(worse)


def frames(events: list[Json]) -> bytes:
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


def test_good_frames_give_their_events() -> None:
    stream = b": keep-alive\n\n" + frames(GOOD) + b"data: [DONE]\n\n"
    assert check_frames(stream) == GOOD


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(frames(GOOD), id="no DONE"),
        pytest.param(frames(GOOD).replace(b"\n", b"\r\n") + b"data: [DONE]\n\n", id="CRLF"),
        pytest.param(b"data: {}\n\ndata: [DONE]\n\n", id="no event line"),
        pytest.param(b"event: a\ndata: {\ndata: }\n\ndata: [DONE]\n\n", id="two data lines"),
        pytest.param(b"id: 1\nevent: a\n\ndata: [DONE]\n\n", id="an id line"),
        pytest.param(b'event: a\ndata: {"type":"b"}\n\ndata: [DONE]\n\n', id="event is not type"),
        pytest.param(b'event: a\ndata: {"type":"a"}\n\ndata: [DONE]\n\ndata: [DONE]\n\n', id="two DONE"),
        pytest.param(b'event: a\ndata: {"type":"a"}\ndata: [DONE]\n\n', id="no blank line"),
    ],
)
def test_s14_rejects_bad_frames(stream: bytes) -> None:
    with pytest.raises(AssertionError, match=r"^S14"):
        check_frames(stream)


def test_s10_sees_an_object_change_after_it_was_emitted() -> None:
    emitted = Emitted()
    event: Json = {"type": "response.created", "response": response("in_progress", [])}
    emitted.add(event)
    assert emitted.check() == [event]
    event["response"]["status"] = "completed"
    with pytest.raises(AssertionError, match=r"^S10"):
        emitted.check()


@pytest.mark.parametrize("name", [*response("completed", []), "usage.input_tokens_details", "text.format"])
def test_a_response_needs_every_field(name: str) -> None:
    broken = copy.deepcopy(response("completed", OUTPUT))
    owner, _, last = name.rpartition(".")
    del (broken[owner] if owner else broken)[last]
    with pytest.raises(AssertionError, match=f"field '{last}' is missing"):
        check_response(broken)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("output", None),
        ("temperature", None),
        ("top_logprobs", None),
        ("service_tier", None),
        ("created_at", True),
        ("created_at", 1.5),
        ("store", 1),
        ("object", "chat.completion"),
        ("status", "done"),
        ("truncation", "off"),
        ("metadata", {"a": 1}),
        ("reasoning", {"effort": None}),
        ("text", {"format": {"type": "text"}, "verbosity": None}),
        ("usage", {**USAGE, "output_tokens_details": {}}),
        ("usage", {**USAGE, "total_tokens": -1}),
        ("tools", [{"type": "function", "name": "f"}]),
        ("output", [{**MESSAGE, "phase": None}]),
        ("output", [{"type": "no_such_item", "id": "x"}]),
    ],
)
def test_a_response_with_a_wrong_value_is_rejected(name: str, value: object) -> None:
    check_response(response("completed", OUTPUT))
    with pytest.raises(AssertionError):
        check_response({**response("completed", OUTPUT), name: value})


@pytest.mark.parametrize(
    "item",
    [
        {**REASONING, "encrypted_content": None},
        {**REASONING, "content": None},
        {**MESSAGE, "role": "user"},
        {**MESSAGE, "id": ""},
        {**MESSAGE, "content": [{"type": "output_text", "text": ""}]},
        {**MESSAGE, "content": [{**EMPTY_TEXT, "logprobs": None}]},
        {**MESSAGE, "content": [{"type": "summary_text", "text": ""}]},
        {**PARIS, "arguments": {"city": "Paris"}},
        {**PARIS, "status": "done"},
    ],
)
def test_an_item_that_clients_cannot_read_is_rejected(item: Json) -> None:
    with pytest.raises(AssertionError):
        check_item(item, "item")


def test_x3_the_sdk_rebuilds_a_good_stream() -> None:
    assert accumulate(GOOD) == check_events(GOOD)


@pytest.mark.parametrize("status", ["incomplete", "failed"])
def test_x3_the_sdk_keeps_a_cut_call_in_progress(status: str) -> None:
    events = cut_short(status)
    expected = copy.deepcopy(check_events(events))
    for item in expected["output"][2:]:
        item["status"] = "in_progress"
    assert accumulate(events) == expected


def test_x3_what_the_sdk_cannot_take_raises() -> None:
    for mutate in (drop("created"), repeat("output_item.added"), drop("content_part.added", 1)):
        events = copy.deepcopy(GOOD)
        mutate(events)
        with pytest.raises((RuntimeError, IndexError, AssertionError)):
            accumulate(events)
