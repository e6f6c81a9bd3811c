"""More functions than an upstream takes stay reachable (router-for-me/CLIProxyAPI#5214)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.drive import Json, answer, arguments, call, chat, delta, translate
from tests.support.strict_chat import check_chat_request
from translators.dialects import PRESETS, Dialect
from translators.tools import ToolName

OPENAI = PRESETS["openai"]


def tool(name: str) -> Json:
    parameters = {"type": "object", "properties": {"a": {}}}
    return {"type": "function", "name": name, "description": f"Does {name}.", "parameters": parameters}


def space(name: str, size: int) -> Json:
    return {"type": "namespace", "name": name, "tools": [tool(f"t{at}") for at in range(size)]}


MANY = [*(space(f"mcp__s{number}", 15) for number in range(15)), tool("eval")]
CALL = {"type": "function_call", "call_id": "1", "name": "t3", "namespace": "mcp__s0", "arguments": '{"a": 1}'}
RETURNED = {"type": "function_call_output", "call_id": "1", "output": "done"}


def limited(limit: int) -> Dialect:
    return msgspec.structs.replace(PRESETS["generic"], max_tools=limit)


def test_c8_whole_namespaces_stand_behind_one_function_each() -> None:
    body = chat({"tools": MANY}, dialect=OPENAI)
    names = [each["function"]["name"] for each in body["tools"]]
    assert len(names) <= 128
    assert {"eval", "mcp__s0", "mcp__s14__t0"} <= set(names)
    told = next(each["function"] for each in body["tools"] if each["function"]["name"] == "mcp__s0")
    assert "- mcp__s0__t3: Does t3." in told["description"]
    assert "mcp__s0__t3" in told["parameters"]["properties"]["tool"]["enum"]
    [reported] = translate({"tools": MANY}, dialect=OPENAI).adaptations
    assert str(reported).startswith("emulated tools: the upstream takes 128: 105 stand behind 7 functions")


def test_c8_fewer_go_as_they_are() -> None:
    assert translate({"tools": MANY[:8]}, dialect=OPENAI).behind == {}
    assert len(json.loads(translate({"tools": MANY}, dialect=PRESETS["vllm"]).body())["tools"]) == 226


def test_c8_plain_functions_fold_from_the_last_on() -> None:
    body = chat({"tools": [tool(f"f{at}") for at in range(222)]}, dialect=OPENAI)
    names = [each["function"]["name"] for each in body["tools"]]
    assert names == [*(f"f{at}" for at in range(127)), "more_tools"]


WRAPPED = '{"tool":"mcp__s0__t3","arguments":{"a": 1}}'


@pytest.mark.parametrize(
    "text", [WRAPPED, '{"tool":"mcp__s0__t3","arguments":"{\\"a\\": 1}"}', f"```json\n{WRAPPED}\n```"]
)
def test_c8_a_call_comes_back_as_the_tools_own(text: str) -> None:
    request = {"tools": MANY}
    pieces = [call(text[:1], "mcp__s0"), *map(arguments, text[1:]), delta("tool_calls")]
    for chunks in (pieces, [call(text, "mcp__s0", finish="tool_calls")]):
        [item] = answer(request, *chunks, dialect=OPENAI).output
        assert (item["name"], item["namespace"], item["arguments"]) == ("t3", "mcp__s0", '{"a": 1}')
        assert item["status"] == "completed"


def test_c8_what_is_said_late_for_such_a_call_goes_back_with_it() -> None:
    """Gemini's signatures may come behind the call that they sign."""
    request = {"tools": MANY, "input": [{"role": "user", "content": "q"}]}
    signed = {"google": {"thought_signature": "SIG1"}}
    late = delta(tool_calls=[{"index": 0, "extra_content": signed}])
    output = answer(request, call(WRAPPED, "mcp__s0"), late, delta("tool_calls"), dialect=limited(128)).output
    [called] = [item for item in output if item["type"] == "function_call"]
    returned = {"type": "function_call_output", "call_id": called["call_id"], "output": "done"}
    again = translate({**request, "input": [*request["input"], *output, returned]}, dialect=limited(128))
    assert json.loads(again.body())["messages"][1]["tool_calls"][0]["extra_content"] == signed


@pytest.mark.parametrize("end", range(1, len(WRAPPED)))
def test_c8_a_call_that_breaks_off_is_cut(end: int) -> None:
    found = answer({"tools": MANY}, call(WRAPPED[:end], "mcp__s0"), delta("tool_calls"), dialect=OPENAI)
    assert found.response["status"] == "incomplete"
    assert found.done_items == []


def test_c8_a_history_holds_the_call_as_the_model_made_it() -> None:
    body = chat({"tools": MANY, "input": [CALL, RETURNED]}, dialect=OPENAI)
    [sent] = body["messages"][0]["tool_calls"]
    assert sent["function"] == {"name": "mcp__s0", "arguments": WRAPPED}


def test_c8_a_choice_of_a_folded_tool_chooses_what_stands_for_it() -> None:
    choice = {"type": "function", "name": "t3", "namespace": "mcp__s0"}
    body = chat({"tools": MANY, "tool_choice": choice}, dialect=OPENAI)
    assert body["tool_choice"] == {"type": "function", "function": {"name": "mcp__s0"}}


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_allowed_tools_go_to_an_upstream_that_knows_them(mode: str) -> None:
    few = [tool("a"), tool("b"), space("n", 2)]
    allowed = [{"type": "function", "name": "b"}, {"type": "namespace", "name": "n"}]
    request = {"tools": few, "tool_choice": {"type": "allowed_tools", "mode": mode, "tools": allowed}}
    body = chat(request, dialect=OPENAI)
    assert body["tools"] == chat({"tools": few}, dialect=OPENAI)["tools"]
    named = [each["function"]["name"] for each in body["tool_choice"]["allowed_tools"]["tools"]]
    assert (body["tool_choice"]["allowed_tools"]["mode"], named) == (mode, ["b", "n__t0", "n__t1"])
    folded = {**request, "tools": [*MANY, *few]}
    allowed.append({"type": "namespace", "name": "mcp__s0"})
    named = [each["function"]["name"] for each in chat(folded, dialect=OPENAI)["tool_choice"]["allowed_tools"]["tools"]]
    assert sorted(named) == ["b", "mcp__s0", "n__t0", "n__t1"]


@given(st.lists(st.integers(0, 6), max_size=6), st.integers(0, 8), st.integers(1, 12))
def test_c8_any_number_of_tools_fits_any_limit_and_each_is_reachable(spaces: list[int], plain: int, limit: int) -> None:
    offered = [*(space(f"s{at}", size) for at, size in enumerate(spaces)), *(tool(f"f{at}") for at in range(plain))]
    request: Any = {"tools": offered}
    translation = translate(request, dialect=limited(limit))
    body = json.loads(translation.body())
    check_chat_request(body)
    assert len(body.get("tools", [])) <= limit
    assert translate(request, dialect=limited(limit)).body() == translation.body()
    names = {each["function"]["name"] for each in body.get("tools", [])}
    for each in translation.tools.offered:
        name = each.function.name
        assert name in names or translation.behind[name] in names
        if name not in names:
            inner = json.dumps({"tool": name, "arguments": {"a": 2}})
            found = answer(request, call(inner, translation.behind[name]), delta("stop"), dialect=limited(limit))
            [item] = found.output
            assert ToolName(item["name"], item.get("namespace")) == translation.tools.client_name(name)
