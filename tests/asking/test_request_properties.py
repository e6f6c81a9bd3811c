"""The invariants of requests (R) for whatever a client may send."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.strategies import broken_requests, json_values, responses_requests, texts
from tests.support.dialect_rules import check_dialect_request
from tests.support.translation import Json, chat_body, encode, translate
from translators.answering.response import open_response
from translators.asking.parse import parse_request
from translators.asking.read_items import decode_item
from translators.asking.translate import Settings, Translation, to_chat
from translators.dialects import PRESETS
from translators.errors import BridgeError, InvalidRequest
from translators.kinds import KINDS
from translators.report import Report
from translators.schema import chat
from translators.tools.map import ToolMap, ToolName

DIALECTS = st.sampled_from(sorted(PRESETS))


def refusal(attempt: Callable[[], object]) -> InvalidRequest | None:
    """The refusal that `attempt` ends with; any other exception passes through."""
    try:
        attempt()
    except InvalidRequest as error:
        return error
    return None


def possible(request: Json, dialect: str) -> Translation:
    """The translation, for a request that asks for nothing the backend lacks."""
    error = refusal(lambda: translate(request, dialect))
    assume(error is None or (error.code != "unsupported_value" and error.param != "input"))
    return translate(request, dialect)


@given(st.one_of(broken_requests(), json_values()), DIALECTS)
def test_any_json_is_a_chat_request_or_an_error_that_names_its_place(request: object, dialect: str) -> None:
    """R1."""
    error = refusal(lambda: json.loads(translate(request, dialect).body()))
    if error is not None:
        assert 400 <= error.status < 500
        assert json.loads(error.envelope())["error"].keys() == {"message", "type", "param", "code"}


@given(st.binary())
def test_any_bytes_are_a_request_or_an_error(body: bytes) -> None:
    """R1."""
    error = refusal(lambda: parse_request(body))
    assert error is None or error.status == 400


@given(responses_requests(), DIALECTS)
def test_a_strict_server_takes_it(request: Json, dialect: str) -> None:
    """R2."""
    body = json.loads(possible(request, dialect).body())
    check_dialect_request(body, PRESETS[dialect])


@given(responses_requests(), DIALECTS)
def test_nothing_said_is_lost(request: Json, dialect: str) -> None:
    """R3: every text of the conversation stands in the messages, or its place in the report."""
    translation = possible(request, dialect)
    sent = json.loads(translation.body())["messages"]
    everything = json.dumps(sent, ensure_ascii=False)
    reported = {adaptation.param for adaptation in translation.adaptations}
    for at, text in _spoken(request):
        said = json.dumps(text, ensure_ascii=False)[1:-1]
        assert said in everything or any(at.startswith(param) for param in reported), f"{at} is lost"


@given(responses_requests(), DIALECTS)
def test_what_was_said_keeps_its_order(request: Json, dialect: str) -> None:
    """R4, for users and the assistant: instructions and outputs have places of their own."""
    if isinstance(request["input"], str):
        return
    translation = possible(request, dialect)
    everything = json.dumps(json.loads(translation.body())["messages"], ensure_ascii=False)
    reported = {adaptation.param for adaptation in translation.adaptations}
    end = 0
    for at, text in _spoken(request):
        item = request["input"][int(at.removeprefix("input[").partition("]")[0])] if at.startswith("input[") else {}
        if item.get("role") in ("user", "assistant") and not any(at.startswith(param) for param in reported):
            said = json.dumps(text, ensure_ascii=False)[1:-1]
            found = everything.find(said, end)
            assert found >= 0, f"{at}, {text!r}, comes before what was said before it"
            end = found + len(said)


def _spoken(request: Json) -> list[tuple[str, str]]:
    """What was said, with its place. Of an assistant a tagged text is a thought, which goes where thoughts go."""
    found = [("instructions", request["instructions"])] if request.get("instructions") else []
    if isinstance(request["input"], str):
        return [*found, ("input", request["input"])]
    for index, item in enumerate(request["input"]):
        at = f"input[{index}]"
        content = item.get("content") if item.get("type", "message") == "message" else item.get("output")
        texts = [(at, content)] if isinstance(content, str) else []
        for place, part in enumerate(content if isinstance(content, list) else []):
            if "text" in part:
                texts.append((f"{at}.content[{place}]", part["text"]))
        found += [each for each in texts if item.get("role") != "assistant" or not each[1].startswith("<think>")]
        if item.get("type") == "function_call" and item.get("status") != "incomplete" and item["arguments"].strip():
            found.append((at, item["arguments"]))
    return found


@given(responses_requests(), DIALECTS)
def test_the_same_request_gives_the_same_bytes_and_stays_as_it_was(request: Json, dialect: str) -> None:
    """R5."""
    before = copy.deepcopy(request)
    first = possible(request, dialect).body()
    assert translate(request, dialect).body() == first
    assert request == before


@given(responses_requests(), DIALECTS, texts())
def test_a_longer_history_begins_with_the_bytes_of_the_shorter(request: Json, dialect: str, said: str) -> None:
    """R5: prefix caches depend on it."""
    possible(request, dialect)
    items = request["input"]
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    elif items[-1].get("role") != "user":
        items = [*items, {"role": "user", "content": "go on"}]
    more = [{"role": "assistant", "content": "I see."}, {"role": "developer", "content": said}]
    shorter = chat_body({**request, "input": items}, dialect)["messages"]
    longer = chat_body({**request, "input": [*items, *more]}, dialect)["messages"]
    assert encode(longer)[: len(encode(shorter)) - 1] == encode(shorter)[:-1]


@given(responses_requests().filter(lambda request: isinstance(request["input"], list)), DIALECTS, st.data())
def test_history_and_input_may_be_split_anywhere(request: Json, dialect: str, data: st.DataObject) -> None:
    """R6."""
    expected = possible(request, dialect).body()
    settings = Settings(model="upstream-model")
    cut = data.draw(st.integers(0, len(request["input"]) - 1))
    report = Report()
    history = []
    for index, raw in enumerate(request["input"][:cut]):
        item = decode_item(msgspec.Raw(encode(raw)), f"input[{index}]", report)
        if item is not None:
            history.append(item)
    rest = parse_request(encode({**request, "input": request["input"][cut:]}))
    assert to_chat(rest, PRESETS[dialect], settings, history).body() == expected


@given(st.lists(st.tuples(st.text(min_size=1), st.one_of(st.none(), st.text(min_size=1))), unique=True))
def test_tool_names_find_their_way_back(names: list[tuple[str, str | None]]) -> None:
    """R7."""
    tools = ToolMap(KINDS.forms)
    for name, namespace in names:
        assert tools.offer(chat.Function(name), ToolName(name, namespace))
    chat_names = [tools.chat_name(name, namespace) for name, namespace in names]
    assert len(set(chat_names)) == len(names)
    for chat_name, (name, namespace) in zip(chat_names, names, strict=True):
        assert 1 <= len(chat_name) <= 64
        assert tools.client_name(chat_name) == ToolName(name, namespace)


@given(responses_requests())
def test_the_response_echoes_the_request(request: Json) -> None:
    """R8."""
    translation = possible(request, "generic")
    response = json.loads(msgspec.json.encode(open_response(translation, response_id="resp_1", created_at=1)))
    for name in ("instructions", "max_output_tokens", "user", "safety_identifier", "prompt_cache_key"):
        assert response[name] == request.get(name)
    for name, default in (("temperature", 1), ("top_p", 1), ("truncation", "disabled"), ("metadata", {})):
        given_value = request.get(name)
        assert response[name] == (default if given_value is None else given_value)
    assert [tool["type"] for tool in response["tools"]] == [tool["type"] for tool in request.get("tools") or []]


@pytest.mark.parametrize("depth", [300, 5_000, 200_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    body = b'{"model":"m","input":"hi","metadata":' + b"[" * depth + b"]" * depth + b"}"
    with pytest.raises(BridgeError) as caught:
        parse_request(body)
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")
