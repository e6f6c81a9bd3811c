"""Grammars of custom tools: what loads, what is checked, and the model asked again over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.process.jobs.grammar import create_checker, run
from tests.support.chat_backend import Answer, ChatBackend, json_answer, sse_answer
from tests.support.checks import check_events, check_frames
from tests.support.running import config_for, read_config, running
from tests.support.translation import run as run_core
from tests.support.translation import translate
from translators.errors import InvalidRequest
from translators.tools import Grammar
from translators.tools.grammar import MAX_GRAMMAR_BYTES, MAX_GRAMMARS, MAX_PATTERN_BYTES, MAX_RULES

Json = dict[str, Any]
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
LETTERS: Json = {
    "type": "custom",
    "name": "letters",
    "format": {"type": "grammar", "syntax": "regex", "definition": "[a-z]+"},
}
WEATHER: Json = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}


def recorded(name: str, place: str) -> Grammar:
    """A grammar that Codex sends."""
    request = json.loads((FIXTURES / name / "request.json").read_bytes())
    tools = request["tools"] if place == "tools" else request["input"][0]["tools"][0]["tools"]
    [found] = [tool["format"] for tool in tools if tool["type"] == "custom"]
    return Grammar(found["syntax"], found["definition"])


PATCH = recorded("codex-apply-patch-loop-2", "tools")
EXEC = recorded("codex-code-mode-2", "input")


def problem(grammar: Grammar, text: str) -> str | None:
    checker = create_checker(grammar.syntax, grammar.definition)
    assert checker is not None
    return checker.problem(text)


def test_the_grammars_of_codex_load() -> None:
    for grammar in (PATCH, EXEC):
        grammar.check_size()
        assert run({"syntax": grammar.syntax, "texts": []}, grammar.definition.encode()) == {"problems": []}


@pytest.mark.parametrize(
    "patch",
    [
        "*** Begin Patch\n*** Add File: a b.txt\n+x\n+\n+y\n*** End Patch",
        "*** Begin Patch\n*** Delete File: a\n*** End Patch\n",
        "*** Begin Patch\n*** Update File: a\n*** Move to: b\n@@ f\n-x\n+y\n z\n \n*** End of File\n*** End Patch",
        "*** Begin Patch\n*** Add File: a\n+*** End Patch\n*** Delete File: b\n*** End Patch",
        "*** Begin Patch\n*** Update File: a\n" + "@@\n-x\n+y\n" * 2000 + "*** End Patch",
    ],
)
def test_patches_that_are_patches(patch: str) -> None:
    assert problem(PATCH, patch) is None


@pytest.mark.parametrize(
    "patch",
    [
        "",
        "echo hi",
        "*** Begin Patch\n*** End Patch",
        "*** Begin Patch\n*** Add File: a\nx\n*** End Patch",
        "*** Begin Patch\n*** Add File: a\n+x\n",
        "```\n*** Begin Patch\n*** Delete File: a\n*** End Patch\n```",
    ],
)
def test_patches_that_are_none(patch: str) -> None:
    found = problem(PATCH, patch)
    assert found
    assert len(found) <= 600


@given(st.text(max_size=60))
def test_code_may_be_anything_but_nothing(code: str) -> None:
    assert (problem(EXEC, code) is None) is bool(code)


@pytest.mark.parametrize(
    ("syntax", "definition"),
    [("lark", "start: ???"), ("lark", "start: /a*/ missing"), ("regex", "(unclosed"), ("lark", "")],
)
def test_a_grammar_that_cannot_be_read_refuses_nothing(syntax: Any, definition: str) -> None:
    assert run({"syntax": syntax, "texts": ["anything"]}, definition.encode()) == {"unreadable": True}


def test_a_grammar_that_lalr_cannot_take_is_still_checked() -> None:
    grammar = Grammar("lark", 'start: a | b\na: "x" "y"\nb: "x" "y" "z"?\n')
    assert problem(grammar, "xyz") is None
    assert problem(grammar, "xz")


def test_a_pattern_says_whether_more_could_mend_it() -> None:
    grammar = Grammar("regex", "ab+c")
    assert problem(grammar, "abbc") is None
    assert problem(grammar, "ab") == "It ends too early."
    assert problem(grammar, "xb") == "It does not match the pattern."


def test_a_pattern_that_takes_for_ever_checks_nothing() -> None:
    assert run({"syntax": "regex", "texts": ["a" * 200]}, b"(a|aa)+$b") == {"problems": None}


# --- asked again ---------------------------------------------------------------------------------


def chunk(finish: str | None = None, **fields: Any) -> Json:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def said(text: str, *before: Json, call_id: str = "c1", index: int = 0) -> Answer:
    function = {"name": "letters", "arguments": json.dumps({"input": text})}
    call = chunk(tool_calls=[{"index": index, "id": call_id, "type": "function", "function": function}])
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}
    return sse_answer([*before, call, chunk("tool_calls"), usage])


@contextlib.asynccontextmanager
async def asked(tmp_path: Path, *answers: Answer, tools: list[Json] | None = None, **model: Any) -> AsyncIterator[Any]:
    """The terminal response of a streamed request, and the requests that the upstream got."""
    async with ChatBackend(extra={"reasoning_content"}) as backend:
        backend.script(*answers)
        settings = config_for(backend)
        settings["models"]["m"] |= model
        async with (
            running(read_config(settings, tmp_path)) as url,
            httpx2.AsyncClient(base_url=url, timeout=60, verify=False) as http,
        ):
            body = {"model": "m", "input": "go", "stream": True, "tools": tools or [LETTERS]}
            answer = await http.post("/v1/responses", json=body)
        yield check_events(check_frames(answer.content)), [request.json for request in backend.requests]


async def test_the_model_is_asked_again_and_the_client_sees_only_the_mended_call(tmp_path: Path) -> None:
    wrong = said("123", chunk(reasoning_content="hm"), chunk(content="Wait."))
    async with asked(tmp_path, wrong, said("abc", call_id="c2")) as (response, requests):
        assert [item["type"] for item in response["output"]] == ["reasoning", "message", "custom_tool_call"]
        assert (response["output"][2]["call_id"], response["output"][2]["input"]) == ("c2", "abc")
        assert response["usage"]["total_tokens"] == 10
        assistant, tool = requests[1]["messages"][len(requests[0]["messages"]) :]
        assert assistant["reasoning_content"] == "hm"
        assert assistant["tool_calls"][0]["id"] == tool["tool_call_id"] == "c1"
        assert "does not match" in tool["content"]


async def test_it_is_asked_no_more_often_than_configured(tmp_path: Path) -> None:
    async with asked(tmp_path, said("1"), said("2"), said("3"), grammar_retries=2) as (response, requests):
        assert [item["input"] for item in response["output"]] == ["3"]
        assert len(requests) == 3


async def test_without_retries_inputs_stream_unchecked(tmp_path: Path) -> None:
    async with asked(tmp_path, said("1"), grammar_retries=0) as (response, requests):
        assert response["output"][0]["input"] == "1"
        assert len(requests) == 1


async def test_an_upstream_that_refuses_the_second_time_leaves_the_first_answer(tmp_path: Path) -> None:
    refusal = json_answer({"error": {"message": "no"}}, status=500)
    async with asked(tmp_path, said("1"), refusal) as (response, _):
        assert response["status"] == "completed"
        assert response["output"][0]["input"] == "1"


async def test_a_call_that_is_out_already_is_not_asked_for_twice(tmp_path: Path) -> None:
    function = {"name": "weather", "arguments": "{}"}
    other = chunk(tool_calls=[{"index": 0, "id": "c0", "type": "function", "function": function}])
    async with asked(tmp_path, said("1", other, index=1), tools=[WEATHER, LETTERS]) as (response, requests):
        assert [item["type"] for item in response["output"]] == ["function_call", "custom_tool_call"]
        assert len(requests) == 1


# --- what may not be used, and what would take for ever ------------------------------------------

EXPLODING = "start: " + " ".join(f"r{i}?" for i in range(22)) + "\n" + "".join(f'r{i}: "{i}"\n' for i in range(22))
AMBIGUOUS = 'start: x*\nx: "a" x? | x "a" | "a"+\n'


@pytest.mark.parametrize(
    ("definition", "name"),
    [
        ("start: X\n%import nosuch.X", "nosuch"),
        ("start: X\n%import .common.X", "common"),
        ("start: X\n%import common.X", "'X'"),
        ("start: INT\n  %import common (INT, X)", "'X'"),
        ("start: python__X\n%import python.X", "python"),
    ],
)
def test_t02_only_names_of_common_are_imported(definition: str, name: str) -> None:
    found = run({"syntax": "lark", "texts": []}, definition.encode())
    assert name in found["fault"]
    assert "common" in found["fault"]


def test_t02_names_of_common_are_imported() -> None:
    definition = "start: INT (_WS? CNAME)*\n%import common (INT, CNAME)\n%import common.WS -> _WS\n"
    assert run({"syntax": "lark", "texts": ["1 ab"]}, definition.encode()) == {"problems": [None]}


def custom(definition: str, syntax: str = "lark", name: str = "letters") -> Json:
    return {"type": "custom", "name": name, "format": {"type": "grammar", "syntax": syntax, "definition": definition}}


@pytest.mark.parametrize(
    ("tools", "param", "limit"),
    [
        (
            [custom("//" + "x" * MAX_GRAMMAR_BYTES)],
            "tools[0].format.definition",
            f"{MAX_GRAMMAR_BYTES} bytes",
        ),
        ([custom("a" * (MAX_PATTERN_BYTES + 1), "regex")], "tools[0].format.definition", f"{MAX_PATTERN_BYTES} bytes"),
        ([custom('a: "b"\n' * (MAX_RULES + 1))], "tools[0].format.definition", f"{MAX_RULES} rules"),
        (
            [custom("a", "regex", f"t{number}") for number in range(MAX_GRAMMARS + 1)],
            f"tools[{MAX_GRAMMARS}].format.definition",
            f"{MAX_GRAMMARS} tools",
        ),
    ],
)
def test_t02_sizes_have_limits(tools: list[Json], param: str, limit: str) -> None:
    with pytest.raises(InvalidRequest, match=limit) as caught:
        translate({"model": "m", "input": "hi", "tools": tools})
    assert (caught.value.status, caught.value.param) == (400, param)


async def test_t02_a_grammar_without_end_is_refused_and_nobody_else_harmed(tmp_path: Path) -> None:
    async with ChatBackend() as backend:
        backend.always(said("abc"))
        settings = config_for(backend) | {"grammars": {"timeout": 1.0}}
        async with (
            running(read_config(settings, tmp_path)) as url,
            httpx2.AsyncClient(base_url=url, timeout=60, verify=False) as http,
        ):
            bad = {"model": "m", "input": "go", "tools": [WEATHER, custom(EXPLODING)]}
            answers = await asyncio.gather(
                http.post("/v1/responses", json=bad),
                http.post("/v1/responses", json={"model": "m", "input": "go", "tools": [LETTERS]}),
                http.get("/healthz"),
            )
            again = await http.post("/v1/responses", json=bad)
    refused, answered, healthy = answers
    for answer in (refused, again):
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == "tools[1].format.definition"
        assert "over a limit" in answer.json()["error"]["message"]
    assert answered.json()["output"][0]["input"] == "abc"
    assert healthy.status_code == 200


async def test_t02_an_input_that_takes_for_ever_goes_out_unchecked_and_is_reported(tmp_path: Path) -> None:
    """Catastrophic for an engine that backtracks, and ambiguous without bounds for one that does not."""
    for tool in (custom("(a|aa)+$b", "regex"), custom(AMBIGUOUS)):
        async with ChatBackend() as backend:
            backend.always(said("a" * 300))
            settings = config_for(backend) | {"grammars": {"timeout": 2.0}}
            async with (
                running(read_config(settings, tmp_path)) as url,
                httpx2.AsyncClient(base_url=url, timeout=60, verify=False) as http,
            ):
                answer = await http.post("/v1/responses", json={"model": "m", "input": "go", "tools": [tool]})
            assert answer.json()["output"][0]["input"] == "a" * 300
            assert "ignored tools[0].format" in answer.headers["x-dragoman-adapted"]
            assert len(backend.requests) == 1


async def test_calls_keep_their_order_while_an_input_is_checked(tmp_path: Path) -> None:
    """The call behind the one that is checked waits for it."""
    function = {"name": "weather", "arguments": "{}"}
    behind = chunk(tool_calls=[{"index": 1, "id": "c2", "type": "function", "function": function}])
    letters = {"name": "letters", "arguments": json.dumps({"input": "abc"})}
    before = chunk(tool_calls=[{"index": 0, "id": "c1", "type": "function", "function": letters}])
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}
    answer = sse_answer([before, behind, chunk("tool_calls"), usage])
    async with asked(tmp_path, answer, tools=[WEATHER, LETTERS]) as (response, _):
        assert [item["type"] for item in response["output"]] == ["custom_tool_call", "function_call"]


def test_whoever_does_not_check_gets_all_calls_in_their_order() -> None:
    letters = {"name": "letters", "arguments": json.dumps({"input": "123"})}
    chunks = [
        chunk(tool_calls=[{"index": 0, "id": "c1", "type": "function", "function": letters}]),
        chunk(tool_calls=[{"index": 1, "id": "c2", "type": "function", "function": {**letters}}]),
        chunk("tool_calls"),
    ]
    found = run_core(chunks, {"model": "m", "input": "go", "tools": [LETTERS]})
    assert [item["call_id"] for item in found.response["output"]] == ["c1", "c2"]
