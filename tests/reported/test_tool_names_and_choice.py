"""Names that Chat Completions cannot take, and every form of tool_choice."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.chat_backend import ChatBackend
from tests.support.drive import GREP, WEATHER, answer, call, chat, delta, messages, names, reported, translate
from tests.support.live import LiveProxy, config_for
from translators.dialects import PRESETS
from translators.errors import InvalidRequest
from translators.kinds import KINDS
from translators.schema import chat as chat_schema
from translators.tools import ToolMap, ToolName

Json = dict[str, Any]
LONG = "a" * 100
CHAT_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@pytest.mark.parametrize("name", [LONG, "with.dots", "späße", "a b/c"])
def test_t20_aliases_agree_in_definition_choice_history_and_answer(name: str) -> None:
    tool = {**WEATHER, "name": name}
    body = chat({"tools": [tool], "tool_choice": {"type": "function", "name": name}})
    alias = body["tools"][0]["function"]["name"]
    assert CHAT_NAME.fullmatch(alias)
    assert body["tool_choice"]["function"]["name"] == alias
    found = answer({"tools": [tool]}, call("{}", alias, finish="tool_calls"))
    assert found.output[0]["name"] == name
    history = messages(
        [*found.output, {"type": "function_call_output", "call_id": "call_0", "output": "x"}], tools=[tool]
    )
    assert history[0]["tool_calls"][0]["function"]["name"] == alias


tool_names = st.builds(
    ToolName,
    st.one_of(st.sampled_from(["a", "a__b", "b", "shell", LONG, LONG + "b", "ä"]), st.text(min_size=1, max_size=80)),
    st.sampled_from([None, "a", "a__b", "mcp__x", "n" * 70]),
    st.sampled_from(["function", "custom", "shell"]),
)


@given(st.lists(tool_names, max_size=12))
def test_r7_the_map_of_tool_names_is_invertible(declared: list[ToolName]) -> None:
    tools = ToolMap(KINDS.forms)
    for tool in declared:
        tools.offer(chat_schema.Function(tool.name), tool)
    offered = [function.function.name for function in tools.offered]
    assert len(set(offered)) == len(offered) == len(set(declared))
    for tool in declared:
        name = tools.chat_name(tool.name, tool.namespace, tool.kind)
        assert CHAT_NAME.fullmatch(name)
        assert name in offered
        assert tools.client_name(name) == tool


@given(st.lists(tool_names, max_size=8), st.lists(tool_names, max_size=4))
def test_r7_tools_that_come_later_change_no_name(first: list[ToolName], later: list[ToolName]) -> None:
    def offered(declared: list[ToolName]) -> list[str]:
        tools = ToolMap(KINDS.forms)
        for tool in declared:
            tools.offer(chat_schema.Function(tool.name), tool)
        return [function.function.name for function in tools.offered]

    before = offered(first)
    assert offered([*first, *later])[: len(before)] == before


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_t23_a_choice_without_tools_is_not_sent(choice: str) -> None:
    for tools in ([], None, [{"type": "web_search"}]):
        body = chat({"tools": tools, "tool_choice": choice, "parallel_tool_calls": False})
        assert not {"tools", "tool_choice", "parallel_tool_calls"} & body.keys()
    assert "tool_choice" not in chat({"tools": [WEATHER]})


EVERY: list[Json] = [
    WEATHER,
    GREP,
    *({"type": kind} for kind in ("apply_patch", "shell", "local_shell", "computer")),
    {"type": "tool_search", "execution": "client"},
    {"type": "namespace", "name": "ns", "description": "", "tools": [WEATHER]},
]


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        ({"type": "function", "name": "weather"}, "weather"),
        ({"type": "function", "function": {"name": "weather"}}, "weather"),
        ({"type": "function", "name": "weather", "namespace": "ns"}, "ns__weather"),
        ({"type": "custom", "name": "grep"}, "grep"),
        ({"type": "custom", "custom": {"name": "grep"}}, "grep"),
        ({"type": "apply_patch"}, "apply_patch"),
        ({"type": "shell"}, "shell"),
        ({"type": "local_shell"}, "local_shell"),
        ({"type": "computer"}, "computer"),
        ({"type": "computer_use_preview"}, "computer"),
        ({"type": "tool_search"}, "tool_search"),
    ],
)
def test_t24_every_form_of_choice_is_mapped(choice: Json, chosen: str) -> None:
    body = chat({"tools": EVERY, "tool_choice": choice})
    assert body["tool_choice"] == {"type": "function", "function": {"name": chosen}}
    assert (
        chat({"tools": EVERY, "tool_choice": "required", "parallel_tool_calls": False})["parallel_tool_calls"] is False
    )


@pytest.mark.parametrize(
    ("choice", "param"),
    [
        ({"type": "file_search"}, "tool_choice.type"),
        ({"type": "web_search_preview"}, "tool_choice.type"),
        ({"type": "mcp", "server_label": "x"}, "tool_choice.type"),
        ({"type": "made_up"}, "tool_choice.type"),
        ({"type": "function"}, "tool_choice.name"),
        ({"type": "custom", "name": "weather"}, "tool_choice.name"),
        ({"type": "function", "name": "nothing"}, "tool_choice.name"),
        ({"type": "allowed_tools", "mode": "auto", "tools": []}, "tool_choice.tools"),
        ({"type": "allowed_tools", "mode": "sometimes", "tools": [{"type": "shell"}]}, "tool_choice"),
        ("sometimes", "tool_choice"),
    ],
)
def test_t24_t25_a_choice_that_cannot_be_honoured_is_refused(choice: object, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        chat({"tools": EVERY, "tool_choice": choice})
    assert caught.value.param == param
    assert caught.value.status == 400


@pytest.mark.parametrize("mode", ["auto", "required"])
@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_t25_allowed_tools_change_nothing_of_what_is_offered(preset: str, mode: str) -> None:
    """So a cache of prompts lives on while the subset changes from turn to turn."""
    dialect = PRESETS[preset]
    whole = translate({"tools": EVERY}, dialect=dialect).chat
    for wanted in (["weather"], ["weather", "grep"]):
        allowed = [{"type": "custom" if name == "grep" else "function", "name": name} for name in wanted]
        request = {"tools": EVERY, "tool_choice": {"type": "allowed_tools", "mode": mode, "tools": allowed}}
        if mode == "required" and not dialect.tools:
            continue
        sent = translate(request, dialect=dialect).chat
        assert (sent.tools, sent.messages) == (whole.tools, whole.messages)


def test_t25_allowed_tools_keep_the_mode_and_a_single_one_is_named() -> None:
    allowed = [{"type": "function", "name": "weather"}, {"type": "shell"}, {"type": "namespace", "name": "ns"}]
    request: Json = {"tools": EVERY, "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": allowed}}
    assert chat(request)["tool_choice"] == "required"
    assert any(line.startswith("emulated tool_choice") for line in reported(request))
    request["tool_choice"]["tools"] = allowed[:1]
    assert chat(request)["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert chat(request, dialect=PRESETS["llamacpp"])["tool_choice"] == "required"
    request["tool_choice"]["mode"] = "auto"
    assert chat(request)["tool_choice"] == "auto"


def test_t25_where_nothing_is_left_that_is_allowed_no_tool_is_called() -> None:
    request: Json = {"tools": EVERY, "tool_choice": {"type": "allowed_tools", "tools": [{"type": "web_search"}]}}
    assert chat(request)["tool_choice"] == "none"
    assert len(chat(request)["tools"]) == len(EVERY)
    with pytest.raises(InvalidRequest):
        chat({**request, "tool_choice": {**request["tool_choice"], "mode": "required"}})


def test_t25_an_allowed_tool_that_nobody_runs_is_reported() -> None:
    allowed = {"type": "allowed_tools", "tools": [{"type": "web_search"}, {"type": "function", "name": "weather"}]}
    request = {"tools": EVERY, "tool_choice": allowed}
    assert any("tool_choice.tools[0]" in line for line in reported(request))


def test_t24_an_upstream_that_cannot_name_a_tool_is_offered_only_that_one() -> None:
    request = {"tools": EVERY, "tool_choice": {"type": "custom", "name": "grep"}}
    body = chat(request, dialect=PRESETS["llamacpp"])
    assert body["tool_choice"] == "required"
    assert [tool["function"]["name"] for tool in body["tools"]] == ["grep"]


def test_tools_are_offered_in_the_order_of_the_request() -> None:
    assert names({"tools": EVERY}) == [
        *("weather", "grep", "apply_patch", "shell", "local_shell", "computer", "tool_search", "ns__weather"),
    ]


async def test_a_choice_that_is_a_list_is_named() -> None:
    """Found by fuzzing: without tools nobody looked at the choice before it was echoed."""
    async with ChatBackend() as backend, LiveProxy(config_for(backend.base_url)) as proxy:
        refused = await proxy.http.post("/responses", json={"model": "m", "input": "Hi", "tool_choice": ["auto"]})
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "tool_choice"


@pytest.mark.parametrize(("kind", "name"), [("function", "weather"), ("custom", "grep")])
def test_a_nested_choice_is_echoed_flat(kind: str, name: str) -> None:
    response = answer({"tools": EVERY, "tool_choice": {"type": kind, kind: {"name": name}}}, delta("stop", content="x"))
    assert response.response["tool_choice"] == {"type": kind, "name": name}


@pytest.mark.parametrize("kind", ["computer", "computer_use_preview"])
def test_where_both_forms_of_a_computer_are_offered_the_type_chooses(kind: str) -> None:
    tools = [{"type": "computer"}, {"type": "computer_use_preview", "display_width": 8, "display_height": 8}]
    body = chat({"tools": tools, "tool_choice": {"type": kind}})
    assert body["tool_choice"]["function"]["name"] == kind
    assert chat({"tools": tools[::-1], "tool_choice": {"type": kind}})["tool_choice"]["function"]["name"] == kind
