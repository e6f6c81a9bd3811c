"""R9: a request that goes on behind an answer begins with the bytes of the one before it, whatever was learned between.

The answers are those of a model that is asked again: they think, speak, and call tools that cannot run.
"""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.answering.test_turns import FIRE, LETTERS, LOOK, ask, call, chunk
from tests.strategies import responses_requests
from tests.support.strict_chat import check_chat_request
from tests.support.translation import Json, Run, encode
from translators.answering.turns import Limits
from translators.asking.parse import ParsedRequest, parse_request
from translators.asking.tail import RejectedCall, RejectedCalls, Tail
from translators.asking.translate import Settings, Translation, to_chat
from translators.dialects import PRESETS, Dialect
from translators.errors import InvalidRequest
from translators.schema import chat
from translators.tools import ToolName

SETTINGS = Settings(model="upstream-model")
MANY = Limits(99, 99, 99, empty_stands=False)
SIGNED = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
NAMES = ["letters", "fire", "nobody"]


@st.composite
def wrong_answers(draw: st.DrawFn, *, signed: bool = True) -> list[Json]:
    chunks = []
    if draw(st.booleans()):
        chunks.append(chunk(reasoning_content=draw(st.sampled_from(["hm", "why?"]))))
    if draw(st.booleans()):
        chunks.append(chunk(reasoning_details=[{"type": "reasoning.text", "text": "so", "signature": "x"}]))
    if draw(st.booleans()):
        chunks.append(chunk(content=draw(st.sampled_from(["Wait.", " ", "Let me see"]))))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3))
    for index, name in enumerate(names):
        arguments = '{"input":"1"}' if name == "letters" else draw(st.sampled_from(["{}", "?", ""]))
        chunks.append(call(name, arguments, index, **(SIGNED if signed and draw(st.booleans()) else {})))
    return [*chunks, chunk("tool_calls")]


def held(request: Json) -> Json:
    """The request with tools of which some may be called."""
    named = {"type": "custom", "name": "letters"}, {"type": "function", "name": "look"}
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [*named]}
    return {**request, "tools": [LETTERS, LOOK, FIRE], "tool_choice": choice}


def spelled(translation: Translation) -> tuple[list[bytes], Json]:
    """Each message as it goes upstream, and all else."""
    body = msgspec.json.decode(translation.body())
    del body["messages"]
    return [msgspec.json.encode(message) for message in translation.chat.messages], body


def goes_on(before: Translation, longer: Translation) -> bool:
    """Whether the longer request begins with the bytes of the one before.

    Where roles have to take turns and tools are words, what an assistant says behind an assistant is one message.
    """
    (messages, rest), (more, other) = spelled(before), spelled(longer)
    last = before.chat.messages[-1]
    if isinstance(last, chat.AssistantMessage) and before.dialect.alternate_roles:
        messages, more = messages[:-1], more[: len(messages) - 1]
    return more[: len(messages)] == messages and other == rest


@st.composite
def dialects(draw: st.DrawFn) -> Dialect:
    """Any, and what a refusal may teach of it."""
    dialect = PRESETS[draw(st.sampled_from(sorted(PRESETS)))]
    taught: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "system_placement": st.sampled_from(["leading", "anywhere"]),
                "alternate_roles": st.booleans(),
                "reasoning_replay": st.sampled_from(["never", "all", "tool_turns"]),
                "tool_extra": st.booleans(),
                "max_tools": st.sampled_from([1, 2, None]),
                "calls_per_message": st.sampled_from(["one", "many"]),
                "needs_user_message": st.booleans(),
            },
        )
    )
    return msgspec.structs.replace(dialect, **taught)


def translated(parsed: ParsedRequest, dialect: Dialect, tail: Tail = ()) -> Translation:
    return to_chat(parsed, dialect, SETTINGS, (), tail)


@given(responses_requests(), dialects(), dialects(), st.lists(wrong_answers(), min_size=1, max_size=3))
def test_r9_asked_again_and_taught_between(
    request: Json, first: Dialect, taught: Dialect, answers: list[list[Json]]
) -> None:
    parsed = parse_request(encode(held(request)))
    try:
        asked = translated(parsed, first)
        translated(parsed, taught)
    except InvalidRequest:
        return
    tail: Tail = ()
    for number, chunks in enumerate(answers):
        run = Run.of(asked)
        run.feed(*chunks)
        again = ask(run, MANY)
        if again is None:
            return  # calls out already, or none that is wrong
        longer: Tail = (*tail, *again.pieces)
        for dialect in (first, taught):
            assert goes_on(translated(parsed, dialect, tail), translated(parsed, dialect, longer))
        tail = longer
        asked = translated(parsed, taught if number else first, tail)


@given(st.lists(wrong_answers(signed=False), min_size=1, max_size=3))
def test_r2_a_strict_server_takes_what_stands_behind(answers: list[list[Json]]) -> None:
    parsed = parse_request(encode(held({"model": "m", "input": "go"})))
    tail: Tail = ()
    for chunks in answers:
        run = Run.of(translated(parsed, PRESETS["openai"], tail)).feed(*chunks)
        again = ask(run, MANY)
        assert again is not None
        tail = (*tail, *again.pieces)
    check_chat_request(msgspec.json.decode(translated(parsed, PRESETS["openai"], tail).body()))


def rejected(model: str = "upstream-model", dialect: str = "gemini") -> Tail:
    wrong = RejectedCall("c1", ToolName("fire"), "?", None, allowed=False, extra=SIGNED)
    return (RejectedCalls([wrong], model, dialect),)


def test_signatures_go_to_the_model_that_made_them_alone() -> None:
    parsed = parse_request(encode(held({"model": "m", "input": "go"})))
    for tail, signed in ((rejected(), True), (rejected(model="other"), False)):
        sent = translated(parsed, PRESETS["gemini"], tail).chat.messages[-2]
        assert isinstance(sent, chat.AssistantMessage)
        assert sent.tool_calls
        assert (b"c2ln" in msgspec.json.encode(sent)) is signed
        assert sent.tool_calls[0].function.arguments == '{"arguments":"?"}'  # no server parses a mere "?"


def test_an_id_that_the_history_has_used_gets_another() -> None:
    given_call = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    parsed = parse_request(encode(held({"model": "m", "input": [{"role": "user", "content": "go"}, given_call]})))
    messages = translated(parsed, PRESETS["generic"], rejected()).chat.messages
    speaking = [message for message in messages if isinstance(message, chat.AssistantMessage)]
    ids = [sent.id for message in speaking for sent in message.tool_calls or ()]
    assert len({*ids}) == len(ids) == 2
    told = messages[-1]
    assert isinstance(told, chat.ToolMessage)
    assert told.tool_call_id == ids[-1]


def test_words_behind_the_call_come_back_as_well() -> None:
    parsed = parse_request(encode(held({"model": "m", "input": "go"})))
    run = Run.of(translated(parsed, PRESETS["generic"]))
    run.feed(chunk(content="Wait."), call("fire"), chunk(content=" So."), chunk("stop"))
    again = ask(run, MANY)
    assert again is not None
    sent = translated(parsed, PRESETS["generic"], again.pieces).chat.messages[-2]
    assert isinstance(sent, chat.AssistantMessage)
    assert "Wait." in str(sent.content)
    assert "So." in str(sent.content)
