"""`allowed_tools` held by the bridge: calls outside the subset asked again over a real socket, and never given out."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.chat_backend import Answer, ChatBackend, json_answer, sse_answer
from tests.support.checks import check_events, check_frames
from tests.support.running import config_for, read_config, running
from tests.support.translation import Run, translate
from translators.answering.turns import TOOL_RETRIES

Json = dict[str, Any]
LETTERS: Json = {
    "type": "custom",
    "name": "letters",
    "format": {"type": "grammar", "syntax": "regex", "definition": "[a-z]+"},
}


def tool(name: str) -> Json:
    return {"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}}


TOOLS: list[Json] = [
    *(tool(name) for name in ("look", "fire", "hide")),
    {"type": "custom", "name": "raw"},
    {"type": "namespace", "name": "ns", "tools": [tool("look"), tool("fire")]},
    {"type": "shell"},
    LETTERS,
]
CHOICES: dict[str, Json] = {
    "look": {"type": "function", "name": "look"},
    "fire": {"type": "function", "name": "fire"},
    "hide": {"type": "function", "name": "hide"},
    "raw": {"type": "custom", "name": "raw"},
    "ns__look": {"type": "function", "name": "look", "namespace": "ns"},
    "ns__fire": {"type": "function", "name": "fire", "namespace": "ns"},
    "shell": {"type": "shell"},
    "letters": {"type": "custom", "name": "letters"},
}
INPUTS = {"raw": '{"input":"x y"}', "shell": '{"commands":["ls"]}', "letters": '{"input":"abc"}'}


def only(*names: str, mode: str = "auto") -> Json:
    return {"type": "allowed_tools", "mode": mode, "tools": [CHOICES[name] for name in names]}


def chunk(finish: str | None = None, **fields: Any) -> Json:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def call(name: str, index: int = 0, arguments: str | None = None, **extra: Any) -> Json:
    function = {"name": name, "arguments": INPUTS.get(name, "{}") if arguments is None else arguments}
    return chunk(tool_calls=[{"index": index, "id": f"c{index}", "type": "function", "function": function, **extra}])


USAGE: Json = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}


def calls(*names: str) -> list[Json]:
    return [*(call(name, index) for index, name in enumerate(names)), chunk("tool_calls"), USAGE]


def calling(*names: str) -> Answer:
    return sse_answer(calls(*names))


def called(output: list[Json]) -> list[str]:
    """The chat names of the calls in an output."""
    names = []
    for item in output:
        if item["type"] in ("function_call", "custom_tool_call"):
            names.append("__".join(filter(None, [item.get("namespace"), item["name"]])))
        elif item["type"] == "shell_call":
            names.append("shell")
    return names


class Asked:
    """What a client was given, and what the upstream was asked."""

    def __init__(self, answer: httpx2.Response, requests: list[Json], *, streamed: bool) -> None:
        self.answer = answer
        self.requests = requests
        self.body: Json = check_events(check_frames(answer.content)) if streamed else answer.json()
        self.told = answer.headers.get("x-dragoman-adapted", "")
        if streamed:
            self.told += "".join(line for line in answer.text.splitlines() if line.startswith(":"))

    @property
    def added(self) -> list[Json]:
        """What the model was told beyond the first request."""
        found: list[Json] = self.requests[-1]["messages"][len(self.requests[0]["messages"]) :]
        return found


@contextlib.asynccontextmanager
async def asked(
    tmp_path: Path, *answers: Answer, streamed: bool = True, upstream: Json | None = None, **request: Any
) -> AsyncIterator[Asked]:
    async with ChatBackend(extra={"reasoning_content"}) as backend:
        backend.script(*answers)
        settings = config_for(backend, upstream=upstream)
        async with (
            running(read_config(settings, tmp_path)) as url,
            httpx2.AsyncClient(base_url=url, timeout=60, verify=False) as http,
        ):
            body = {"model": "m", "input": "go", "stream": streamed, "tools": TOOLS} | request
            answer = await http.post("/v1/responses", json=body)
        yield Asked(answer, [each.json for each in backend.requests], streamed=streamed)


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("name", ["fire", "ns__fire", "raw", "shell", "letters", "nobody"])
async def test_a_call_outside_the_subset_is_asked_again(tmp_path: Path, name: str, streamed: bool) -> None:
    wrong, right = calling(name), calling("ns__look")
    async with asked(tmp_path, wrong, right, streamed=streamed, tool_choice=only("look", "ns__look")) as found:
        assert found.body["status"] == "completed"
        assert called(found.body["output"]) == ["ns__look"]
        assert found.body["usage"]["total_tokens"] == 10
        assert name not in json.dumps(found.body["output"])
        assert "emulated tool_choice" in found.told
        assistant, output = found.added
        assert assistant["tool_calls"][0]["function"]["name"] == name
        assert output["tool_call_id"] == assistant["tool_calls"][0]["id"]
        assert output["content"].endswith("Only these may: look, ns__look.")
        first, second = found.requests
        assert first["tools"] == second["tools"]
        assert len(first["tools"]) == len(CHOICES)


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_model_that_will_not_hear_fails_the_response(tmp_path: Path, streamed: bool) -> None:
    wrong = [calling("fire")] * (TOOL_RETRIES + 1)
    async with asked(tmp_path, *wrong, streamed=streamed, tool_choice=only("look")) as found:
        assert len(found.requests) == TOOL_RETRIES + 1
        assert found.answer.status_code == (200 if streamed else 502)
        assert found.body["error"]["code"] == "tool_not_allowed"
        assert "'fire'" in found.body["error"]["message"]
        if streamed:
            assert (found.body["status"], found.body["output"]) == ("failed", [])


async def test_an_upstream_that_refuses_the_second_time_fails_the_response(tmp_path: Path) -> None:
    refusal = json_answer({"error": {"message": "no"}}, status=500)
    async with asked(tmp_path, calling("fire"), refusal, tool_choice=only("look")) as found:
        assert found.body["error"]["code"] == "tool_not_allowed"


@pytest.mark.parametrize("order", [("fire", "look"), ("look", "fire"), ("fire", "raw", "ns__fire", "look")])
async def test_beside_calls_that_may_be_others_are_left_out(tmp_path: Path, order: tuple[str, ...]) -> None:
    async with asked(tmp_path, calling(*order), tool_choice=only("look", "raw")) as found:
        assert called(found.body["output"]) == [name for name in order if name in ("look", "raw")]
        assert (found.body["status"], len(found.requests)) == ("completed", 1)
        assert "dropped tool_choice" in found.told


async def test_a_first_call_that_may_not_be_is_asked_again_where_one_is_wanted(tmp_path: Path) -> None:
    only_one: Json = {"parallel_tool_calls": False, "tool_choice": only("look", "hide")}
    async with asked(tmp_path, calling("fire", "look"), calling("hide"), **only_one) as found:
        assert called(found.body["output"]) == ["hide"]


async def test_with_a_broken_grammar_beside_it_both_are_asked_again(tmp_path: Path) -> None:
    wrong = sse_answer([call("letters", 0, '{"input":"12"}'), call("fire", 1), chunk("tool_calls"), USAGE])
    async with asked(tmp_path, wrong, calling("letters"), tool_choice=only("letters", "look")) as found:
        assert called(found.body["output"]) == ["letters"]
        _, grammar, other = found.added
        assert "does not match its grammar" in grammar["content"]
        assert "may not be called" in other["content"]


async def test_a_required_single_tool_is_named_and_still_held(tmp_path: Path) -> None:
    choice = only("look", mode="required")
    async with asked(tmp_path, calling("fire"), calling("look"), tool_choice=choice) as found:
        assert [each["tool_choice"]["function"]["name"] for each in found.requests] == ["look", "look"]
        assert called(found.body["output"]) == ["look"]


async def test_behind_a_function_that_stands_for_many_the_subset_holds(tmp_path: Path) -> None:
    few: Json = {"dialect": {"preset": "generic", "max_tools": 2}}
    tools = [tool("look"), {"type": "namespace", "name": "ns", "tools": [tool("look"), tool("fire")]}]

    def dispatched(name: str) -> Answer:
        arguments = json.dumps({"tool": name, "arguments": {}})
        return sse_answer([call("ns", 0, arguments), chunk("tool_calls"), USAGE])

    answers = dispatched("ns__fire"), dispatched("ns__look")
    async with asked(tmp_path, *answers, upstream=few, tools=tools, tool_choice=only("look", "ns__look")) as found:
        assert called(found.body["output"]) == ["ns__look"]
        assert json.loads(found.added[0]["tool_calls"][0]["function"]["arguments"])["tool"] == "ns__fire"


async def test_what_was_said_and_thought_before_stays(tmp_path: Path) -> None:
    wrong = sse_answer([chunk(reasoning_content="hm"), chunk(content="Wait."), *calls("fire")])
    async with asked(
        tmp_path, wrong, sse_answer([chunk(content="No."), chunk("stop")]), tool_choice=only("look")
    ) as it:
        assert [item["type"] for item in it.body["output"]] == ["reasoning", "message", "message"]
        assert (it.added[0]["reasoning_content"], it.added[0]["content"]) == ("hm", "Wait.")


async def test_a_backend_gets_back_what_it_put_beside_its_call(tmp_path: Path) -> None:
    """Gemini refuses a call of its own without its signature; the client gets nothing of it."""
    signature = {"google": {"thought_signature": "c2ln"}}
    wrong = sse_answer([call("fire", extra_content=signature), chunk("tool_calls"), USAGE])
    gemini = {"dialect": {"preset": "generic", "tool_extra": True}}
    choice = only("look")
    async with ChatBackend(strict=False) as backend:
        backend.script(wrong, calling("look"))
        async with (
            running(read_config(config_for(backend, upstream=gemini), tmp_path)) as url,
            httpx2.AsyncClient(base_url=url, timeout=60, verify=False) as http,
        ):
            body = {"model": "m", "input": "go", "tools": TOOLS, "tool_choice": choice}
            answer = await http.post("/v1/responses", json=body)
        assert [item["type"] for item in answer.json()["output"]] == ["function_call"]
        assistant = backend.requests[1].json["messages"][-2]
        assert assistant["tool_calls"][0]["extra_content"] == signature


async def test_a_cut_call_that_may_not_be_is_left_out_of_an_incomplete_response(tmp_path: Path) -> None:
    cut = sse_answer([call("fire", 0, '{"a": "b'), chunk("length"), USAGE])
    async with asked(tmp_path, cut, tool_choice=only("look")) as found:
        assert (found.body["status"], found.body["output"]) == ("incomplete", [])


# --- any subset, any calls -----------------------------------------------------------------------

NAMES = st.sampled_from([*CHOICES, "nobody", "functions.look", "ns"])


@given(
    st.lists(st.sampled_from(sorted(CHOICES)), unique=True, min_size=1),
    st.sampled_from(["auto", "required"]),
    st.lists(st.tuples(NAMES, st.sampled_from([None, "{}", '{"a":', "?"])), max_size=5),
    st.sampled_from(["tool_calls", "stop", "length", "content_filter", "error", None]),
    st.sampled_from(["generic", "openai", "llamacpp"]),
)
def test_nothing_of_a_call_outside_the_subset_is_ever_emitted(
    allowed: list[str], mode: str, wanted: list[tuple[str, str | None]], finish: str | None, dialect: str
) -> None:
    request = {"model": "m", "input": "go", "tools": TOOLS, "tool_choice": only(*allowed, mode=mode)}
    run = Run(request, dialect)
    for index, (name, arguments) in enumerate(wanted):
        run.feed(call(name, index, arguments))
    if finish is not None:
        run.feed(chunk(finish))
    found = run.finish(said_done=finish is not None)
    shown = [event["item"] for event in found.events if event["type"] == "response.output_item.added"]
    if len(allowed) < len(CHOICES):
        assert {*called(shown), *called(found.response["output"])} <= set(allowed)
    wrong = [name for name, _ in wanted if name not in (*allowed, "functions.look")]
    if found.response["status"] == "completed" and wrong and len(allowed) < len(CHOICES):
        assert called(shown)
        assert any(adaptation.param == "tool_choice" for adaptation in run.stream.adaptations)


@given(st.lists(st.lists(st.sampled_from(sorted(CHOICES)), unique=True, min_size=1), min_size=2, max_size=4))
def test_r5_whatever_the_subset_the_same_is_offered(subsets: list[list[str]]) -> None:
    sent = set()
    for subset in subsets:
        request = {"model": "m", "input": "go", "tools": TOOLS, "tool_choice": only(*subset)}
        body = json.loads(translate(request).body())
        body.pop("tool_choice")
        sent.add(json.dumps(body))
    assert len(sent) == 1
