"""Items that are read together mean what they mean one by one, and long inputs cost in proportion to their length."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from tests.strategies import broken_requests, responses_requests
from tests.strategies.requests import input_items
from tests.support.translation import Json
from translators.asking.parse import ParsedRequest, parse_request
from translators.asking.read_items import read_items
from translators.asking.translate import Settings, to_chat
from translators.decode import is_list
from translators.dialects import PRESETS
from translators.errors import InvalidRequest
from translators.report import OnUnsupported
from translators.schema.chat import AssistantMessage

DIALECTS = st.sampled_from(sorted(PRESETS))
ODD: list[Json] = [
    {"role": "user", "content": "no type"},
    {"type": "message", "role": "user", "content": "x", "caller": {"type": "direct"}},
    {"type": "message", "role": "user", "content": ["bare", {"type": "input_text", "text": "x"}]},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x", "annotations": [1]}]},
    {"type": "message", "role": "user", "content": [{"type": "unheard_of", "text": "x"}]},
    {"type": "function_call_output", "call_id": "none", "output": {"output": "wrapped"}},
    {"type": "function_call_output", "call_id": "none", "output": None},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "foreign"},
    {"type": "web_search_call", "id": "ws_1", "status": "completed"},
    {"type": "item_reference", "id": "msg_1"},
    {"id": "msg_1"},
]


def outcome(parsed: ParsedRequest, dialect: str, on_unsupported: OnUnsupported) -> object:
    """What the Chat request says and what was adapted, or the whole refusal."""
    try:
        translation = to_chat(parsed, PRESETS[dialect], Settings(model="m", on_unsupported=on_unsupported))
    except InvalidRequest as error:
        return error.status, error.envelope()
    return msgspec.json.decode(translation.body()), translation.adaptations


def check_same(body: bytes, dialect: str, on_unsupported: OnUnsupported = "report") -> None:
    """Read in one step, or every item by itself: the same comes of it."""
    try:
        parsed = parse_request(body)
    except InvalidRequest:
        return  # neither has begun
    raw = parsed.params.input
    one_by_one = msgspec.structs.replace(parsed, items=msgspec.json.decode(raw, type=list[Raw]) if is_list(raw) else ())
    assert outcome(parsed, dialect, on_unsupported) == outcome(one_by_one, dialect, on_unsupported)


def spelled(request: object) -> st.SearchStrategy[bytes]:
    """The same JSON as several encoders write it."""
    forms: list[dict[str, Any]] = [{"ensure_ascii": False, "separators": (",", ":")}, {}, {"indent": 1}]
    texts = [json.dumps(request, **form) for form in forms]
    return st.sampled_from([text.encode() for text in (*texts, texts[0].replace("/", r"\/"))])


@given(st.one_of(responses_requests(), broken_requests()), DIALECTS, st.sampled_from(["report", "refuse"]), st.data())
def test_reading_together_changes_nothing(
    request: Any, dialect: str, on_unsupported: OnUnsupported, data: st.DataObject
) -> None:
    check_same(data.draw(spelled(request)), dialect, on_unsupported)


@given(st.lists(st.one_of(input_items(), st.sampled_from(ODD).map(lambda item: [item])), max_size=8), DIALECTS)
def test_odd_items_among_plain_ones_change_nothing(groups: list[list[Json]], dialect: str) -> None:
    items = [item for group in groups for item in group]
    check_same(json.dumps({"model": "m", "input": items}).encode(), dialect)


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_a_text_goes_upstream_as_it_was_spelled(role: str) -> None:
    spelled = rb'"one\/two \u00e9 \ud83d\ude00 \\ \""'
    part = b'{"type":"%b_text","text":%b}' % (b"input" if role == "user" else b"output", spelled)
    body = b'{"input":[{"type":"message","role":"%b","content":[%b]}]}' % (role.encode(), part)
    chat = to_chat(parse_request(body), PRESETS["openai"], Settings(model="m")).body()
    assert b'"content":%b' % spelled in chat
    check_same(body, "openai")


@pytest.mark.parametrize(
    "begin", ["<think>", r"\u003cthink>", r" \n\t<think>", "\u2003<think>", r"\u2003\u003cthink\u003e"]
)
def test_a_thought_in_a_text_is_found_however_it_is_spelled(begin: str) -> None:
    text = f'"{begin}why</think>so"'.encode()
    part = b'{"type":"output_text","text":%b}' % text
    body = b'{"input":[{"type":"message","role":"assistant","content":[%b]}]}' % part
    chat = to_chat(parse_request(body), PRESETS["deepseek"], Settings(model="m")).chat
    assert isinstance(chat.messages[0], AssistantMessage)
    assert chat.messages[0].content == "so"


def test_an_odd_item_takes_only_its_neighbours_along() -> None:
    plain = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
    odd = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    items = read_items(Raw(msgspec.json.encode([*[plain] * 100, odd, *[plain] * 100])))
    assert [index for index, item in enumerate(items) if type(item) is Raw] == [100]
    assert len(items) == 201


def nested(depth: int) -> Raw:
    return Raw(b"[" * depth + b"]" * depth)


@pytest.mark.parametrize(
    "item",
    [
        {"type": "message", "role": "user", "content": nested(300)},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": nested(300)}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x", "more": nested(300)}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "annotations": nested(300)}]},
        {"type": "message", "role": "user", "content": "x", "more": nested(300)},
        {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": nested(300)}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": nested(300)},
        {"type": "function_call_output", "call_id": "c", "output": nested(300)},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": nested(300)}]},
        {"type": "reasoning", "summary": nested(300)},
        {"type": "message", "role": "user", "content": "x", "internal_chat_message_metadata_passthrough": nested(300)},
        {"type": "tool_search_call", "arguments": nested(300)},
        nested(300),
    ],
)
def test_deep_nesting_is_refused_wherever_it_is(item: object) -> None:
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        parse_request(msgspec.json.encode({"model": "m", "input": ["x", item]}))
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        parse_request(msgspec.json.encode({"model": "m", "input": [item]}))


def test_as_deep_as_allowed_is_taken() -> None:
    item = {"type": "tool_search_call", "arguments": nested(7)}
    body = msgspec.json.encode({"model": "m", "input": [item]})
    parse_request(body, max_depth=10)
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        parse_request(body, max_depth=9)
