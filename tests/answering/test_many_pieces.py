"""Answers of very many pieces: each is looked at a bounded number of times, counted in steps, never by a clock."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies.values import cuts
from tests.support.translation import SIMPLE, Json, Run, run, sse_bytes, translate
from translators.answering.fragments import Failed, Fragment, Reasoning, Text
from translators.answering.reading.filter import MOST_SPACE, Lookout
from translators.answering.reading.quirks import CumulativeReasoning, Fence
from translators.answering.reading.reader import ChatReader
from translators.answering.reading.text_calls import FORMS, BareCall, TextCalls
from translators.answering.reading.think_tags import ThinkTags
from translators.answering.stream import ResponseStream
from translators.decode import Braces, is_json_object
from translators.items import call_writer
from translators.items.details import join_details
from translators.limits import MAX_CALLS, MAX_ITEMS
from translators.tools.unwrap import InputReader
from translators.wire.chunks import ChunkDecoder, parse_chunk
from translators.wire.sse import SSEDecoder

TOOLS: Json = {
    **SIMPLE,
    "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}, {"type": "local_shell"}],
}


def delta(**fields: Any) -> Json:
    return {"choices": [{"index": 0, "delta": fields}]}


def call(number: int, name: str = "f", arguments: str = "{}") -> Json:
    function = {"name": name, "arguments": arguments}
    return delta(tool_calls=[{"index": number, "id": f"call_{number}", "function": function}])


STOP: Json = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}


def response_to(chunks: list[Json], request: Json = TOOLS) -> Any:
    """Without the checks of every event, which take quadratic time themselves."""
    stream = ResponseStream(translate(request), new_id=iter_ids(), created_at=1)
    stream.start()
    stream.feed(*ChunkDecoder().feed(sse_bytes(chunks)))
    stream.finish(said_done=True, completed_at=2)
    return stream.response


def iter_ids() -> Callable[[str], str]:
    numbers = iter(range(10**9))
    return lambda prefix: f"{prefix}_{next(numbers)}"


# --- calls and items ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["f", "local_shell"])
@pytest.mark.parametrize("arguments", ["{}", '{"a":'])
def test_whether_a_call_is_whole_is_asked_once_for_what_came_of_it(
    name: str, arguments: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def counted(text: str) -> bool:
        nonlocal asked
        asked += 1
        return is_json_object(text)

    monkeypatch.setattr(call_writer, "is_json_object", counted)
    response_to([*(call(number, name, arguments) for number in range(500)), STOP])
    assert asked <= 3 * 500


def test_as_many_calls_as_an_answer_may_have() -> None:
    response = response_to([*(call(number) for number in range(MAX_CALLS)), STOP])
    assert (response.status, len(response.output)) == ("completed", MAX_CALLS)


NAMELESS = [delta(tool_calls=[{"index": n, "function": {"arguments": "{}"}}]) for n in range(MAX_CALLS + 1)]


@pytest.mark.parametrize(
    "chunks", [[call(number) for number in range(MAX_CALLS + 1)], NAMELESS], ids=["named", "nameless"]
)
def test_more_calls_are_a_failure_that_names_the_limit(chunks: list[Json]) -> None:
    response = response_to([*chunks, STOP])
    assert response.status == "failed"
    assert response.error.code == "answer_too_large"
    assert f"{MAX_CALLS} calls" in response.error.message


@pytest.mark.parametrize("said_as", ["delta", "message"])
def test_calls_beyond_the_limit_are_not_read(said_as: str) -> None:
    """One payload may hold any number: 20,000 calls of nothing were half a second of the event loop."""
    function = {"name": "f", "arguments": "{}"}
    calls = [{"index": n, "id": f"call_{n}", "function": function} for n in range(3 * MAX_CALLS)]
    chunk = parse_chunk(json.dumps({"choices": [{"index": 0, said_as: {"tool_calls": calls}}]}).encode())
    found = ChatReader().read(chunk)
    assert [type(fragment) for fragment in found].count(Failed) == 1
    assert len(found) <= 2 * MAX_CALLS + 1


def test_more_items_are_a_failure_that_names_the_limit() -> None:
    turns = [delta(content="a"), delta(reasoning_content="b")] * (MAX_ITEMS // 2)
    assert len(response_to([*turns, STOP]).output) == MAX_ITEMS
    response = response_to([*turns, delta(content="a"), STOP])
    assert response.status == "failed"
    assert (response.error.code, f"{MAX_ITEMS} items" in response.error.message) == ("answer_too_large", True)


def test_a_name_without_end_is_a_failure() -> None:
    pieces = [delta(tool_calls=[{"index": 0, "function": {"name": f"part-{number}" * 8}}]) for number in range(100)]
    assert run([*pieces, STOP], TOOLS).response["status"] == "failed"


class _Searched(bytes):
    """Bytes that count how often something is looked for in them."""

    searches = 0

    def __radd__(self, other: bytes) -> _Searched:
        return _Searched(bytes(other) + bytes(self))

    def find(self, *args: Any) -> int:
        type(self).searches += 1
        return super().find(*args)


@pytest.mark.parametrize("line", [b"\n", b": x\n", b": x\n\n", b"x\n", b"event: ping\n\n", b"id\n\n\n", b"data\n"])
@pytest.mark.parametrize("begun", [b"", b"data: a\n"])
def test_lines_that_say_nothing_take_no_step_each(line: bytes, begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Searched, "searches", 0)
    decoder = SSEDecoder()
    decoder.feed(begun)
    found = decoder._take_lines(_Searched(line * 10_000 + b"data: b\n\n"))
    ends = b"\n\n" in b"\n" + line
    assert found == ([b"b"] if not begun else [b"a", b"b"] if ends else [b"a\nb"])
    assert 0 < _Searched.searches <= 6
    assert decoder.is_between


ARGUMENTS = st.one_of(
    st.dictionaries(st.text(), st.text() | st.integers() | st.dictionaries(st.text(), st.text())).map(json.dumps),
    st.text(alphabet='{}"\\[]a:,'),
)


@given(ARGUMENTS, st.data())
def test_braces_tell_where_an_object_may_end(text: str, data: st.DataObject) -> None:
    pieces = data.draw(cuts(text))
    braces, ends, so_far = Braces(), 0, ""
    for piece in pieces:
        braces.feed([piece])
        so_far += piece
        ends += braces.closed_at_end
        if piece.endswith("}") and is_json_object(so_far):
            assert braces.closed_at_end
    assert ends <= 1


# --- filters: what waits is not looked through again ----------------------------------------------

PIECES = 2000


def fed(each: Any, pieces: Iterable[Fragment]) -> list[Fragment]:
    """What came out."""
    return [*itertools.chain.from_iterable(each.feed(piece) for piece in pieces), *each.flush()]


FILTERS: dict[str, tuple[Callable[[], Any], str, str]] = {
    "think tags, prefilled": (lambda: ThinkTags(("think",), prefilled=True), "a", "word "),
    "think tags, white space": (lambda: ThinkTags(("think",), prefilled=False), " ", " "),
    "think tags, white space inside": (lambda: ThinkTags(("think",), prefilled=False), "<think>", "  "),
    "a call that does not end": (lambda: TextCalls(FORMS, frozenset("f")), "<tool_call>", "word "),
    "white space before a call": (lambda: TextCalls(FORMS, frozenset("f")), " ", "    "),
    "a bare call": (lambda: BareCall(frozenset("f")), "{", '"a",'),
    "a fence": (Fence, "```json\n{", "`    "),
    "a fence that does not begin": (Fence, "```", "word "),
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_gives_all_of_a_long_text_and_holds_little_that_it_looks_at_again(name: str) -> None:
    make, first, piece = FILTERS[name]
    each = make()
    texts = [first, *[piece] * PIECES]
    out = fed(each, [Text(text) for text in texts])
    said = "".join(fragment.text for fragment in out if isinstance(fragment, Text | Reasoning))
    assert said.strip("`\n ") in "".join(texts)
    assert len(said) >= min(len(piece.strip()), 1) * PIECES
    held = make()
    longest = 0
    for text in texts:
        held.feed(Text(text))
        longest = max(longest, len(getattr(held, "_text", "")))
    assert longest <= 2 * MOST_SPACE


def test_what_a_prefilled_answer_thought_is_found_however_it_is_cut() -> None:
    each = ThinkTags(("think",), prefilled=True)
    out = fed(each, [Text(character) for character in "thought " * 100 + "</think> answer"])
    assert "".join(part.text for part in out if isinstance(part, Reasoning)) == ("thought " * 100).strip()
    assert "".join(part.text for part in out if isinstance(part, Text)).strip() == "answer"


@given(st.text(alphabet="ab<>/"), st.data())
def test_a_lookout_finds_marks_wherever_they_are_cut(text: str, data: st.DataObject) -> None:
    lookout, so_far, marks = Lookout(("<a>", "</b>")), "", 0
    for piece in data.draw(cuts(text)):
        before = sum(so_far.count(mark) for mark in ("<a>", "</b>"))
        so_far += piece
        after = sum(so_far.count(mark) for mark in ("<a>", "</b>"))
        found = lookout.add(piece)
        marks += found
        assert found == (after > before)
    assert lookout.take() == so_far


def test_reasoning_that_does_not_repeat_itself_is_never_put_together() -> None:
    each = CumulativeReasoning()
    out = fed(each, [Reasoning(f"word{number} ") for number in range(PIECES)])
    assert len(out) == PIECES
    assert len(each._so_far._pieces) == PIECES


def test_an_input_of_quotes_and_of_white_space() -> None:
    reader = InputReader()
    quotes = reader.feed('{"input":"' + '"a' * 10_000)
    assert quotes == '"a' * 10_000
    reader = InputReader()
    reader.feed('{"input":"a"')
    for _ in range(PIECES):
        reader.feed("   ")
    assert reader.ended
    reader = InputReader()
    for _ in range(PIECES):
        reader.feed("    ")
    assert reader.close().isspace()


def test_details_are_joined_as_they_were_piece_by_piece() -> None:
    pieces = [
        {"type": "reasoning.text", "index": 0, "text": "a", "signature": None},
        {"type": "reasoning.text", "index": 0, "text": "b", "format": "x"},
        {"type": "reasoning.text", "index": 0, "text": None, "signature": "s"},
        {"type": "reasoning.text", "index": 0, "text": "c"},
        {"type": "reasoning.encrypted", "index": 0, "data": "d"},
        {"type": "reasoning.encrypted", "index": 0, "data": "e"},
        "odd",
    ]
    before = json.dumps(pieces)
    assert join_details(pieces) == [
        {"type": "reasoning.text", "index": 0, "text": "ab", "signature": "s", "format": "x"},
        {"type": "reasoning.text", "index": 0, "text": "c"},
        {"type": "reasoning.encrypted", "index": 0, "data": "d"},
        {"type": "reasoning.encrypted", "index": 0, "data": "e"},
        "odd",
    ]
    assert json.dumps(pieces) == before


@pytest.mark.parametrize("form", sorted(FORMS))
def test_openings_that_nothing_closes_are_searched_once(form: str) -> None:
    """A search from each to the end would take minutes for what may be held: this ends, or the suite does not."""
    openings = {
        "tool_call_tags": "<function=f><parameter=a>",
        "invoke_tags": '<invoke name="f"><parameter name="a">',
        "dsml": '<invoke name="f"><parameter name="a">',
        "kimi_tokens": "<|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>",
    }
    each = TextCalls([form], frozenset("f"))
    opener = FORMS[form][0].opener
    text = opener + openings.get(form, "<a>") * ((1 << 19) // 40)
    out = fed(each, [Text(text[at : at + 4096]) for at in range(0, len(text), 4096)])
    assert out
    assert Run(SIMPLE).feed(delta(content="x"), STOP).finish().response["status"] == "completed"
