"""Tools of every type, as functions of the upstream and as their own items of the client."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.drive import GREP, PIXEL, WEATHER, Answer, answer, arguments, call, chat, messages, names, reported
from translators.errors import InvalidRequest

Json = dict[str, Any]
NAMESPACE: Json = {"type": "namespace", "name": "mcp__demo", "description": "d", "tools": [{**WEATHER, "name": "add"}]}
SEARCH: Json = {"type": "tool_search", "execution": "client", "description": "Finds tools."}
LAZY: Json = {**WEATHER, "name": "lazy", "description": "Comes late.", "defer_loading": True}
HOSTED = ("web_search", "web_search_preview", "file_search", "code_interpreter", "image_generation", "mcp", "made_up")


@pytest.mark.parametrize("kind", HOSTED)
def test_t01_t15_a_tool_nobody_runs_is_reported_and_the_session_lives(kind: str) -> None:
    request = {"tools": [{"type": kind}, WEATHER]}
    assert names(request) == ["weather"]
    assert any(line.startswith("dropped tools[0]") for line in reported(request))
    with pytest.raises(InvalidRequest, match="not supported"):
        chat(request, on_unsupported="refuse")


def test_t02_a_namespace_is_flattened() -> None:
    assert names({"tools": [NAMESPACE, WEATHER]}) == ["mcp__demo__add", "weather"]


def test_t03_a_flattened_call_is_split_again_everywhere() -> None:
    found = answer({"tools": [NAMESPACE]}, call('{"a":1}', "mcp__demo__add", finish="tool_calls"))
    for item in (found.of("output_item.added")[0]["item"], found.done_items[0], found.output[0]):
        assert (item["name"], item["namespace"]) == ("add", "mcp__demo")


def test_t04_history_speaks_of_the_tool_by_the_name_it_is_offered_under() -> None:
    items = [
        {"type": "function_call", "call_id": "c", "name": "add", "namespace": "mcp__demo", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "3"},
    ]
    body = chat({"tools": [NAMESPACE], "input": items})
    assert body["messages"][0]["tool_calls"][0]["function"]["name"] == body["tools"][0]["function"]["name"]


def test_t04_a_flattened_name_that_is_taken_gets_another() -> None:
    plain = {**WEATHER, "name": "mcp__demo__add"}
    offered = names({"tools": [plain, NAMESPACE]})
    assert offered[0] == "mcp__demo__add"
    assert offered[1] != offered[0]
    found = answer({"tools": [plain, NAMESPACE]}, call("{}", offered[1], finish="tool_calls"))
    assert (found.output[0]["name"], found.output[0]["namespace"]) == ("add", "mcp__demo")


def test_t05_additional_tools_are_merged_and_say_nothing() -> None:
    nested = {"type": "namespace", "name": "outer", "description": "", "tools": [NAMESPACE, GREP]}
    items = [
        {"type": "additional_tools", "role": "developer", "tools": [nested, WEATHER]},
        {"role": "user", "content": "x"},
    ]
    body = chat({"input": items})
    assert [tool["function"]["name"] for tool in body["tools"]] == ["outer__mcp__demo__add", "outer__grep", "weather"]
    assert body["messages"] == [{"role": "user", "content": "x"}]


def test_t06_t08_a_custom_tool_is_a_function_with_one_required_string_and_its_grammar_is_told() -> None:
    tool = {**GREP, "format": {"type": "grammar", "syntax": "regex", "definition": "[a-z]+"}}
    [function] = [tool["function"] for tool in chat({"tools": [tool]})["tools"]]
    assert function["parameters"]["required"] == ["input"]
    assert function["parameters"]["properties"]["input"]["type"] == "string"
    assert "Searches." in function["description"]
    assert "[a-z]+" in function["description"]


def test_t07_a_custom_call_comes_back_with_its_raw_input() -> None:
    found = answer({"tools": [GREP]}, call('{"inp', "grep"), arguments('ut":"a\\n'), arguments('b"}'))
    assert [event["delta"] for event in found.of("custom_tool_call_input.delta")] == ["a\n", "b"]
    assert found.of("custom_tool_call_input.done")[0]["input"] == "a\nb"
    assert found.output[0] == {
        "type": "custom_tool_call",
        "id": found.output[0]["id"],
        "call_id": "call_0",
        "name": "grep",
        "input": "a\nb",
        "status": "completed",
    }


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("{}", ""),
        ("", ""),
        ("bare text", "bare text"),
        ('"a string"', "a string"),
        ('{"patch":"p"}', "p"),
        ('{"command":["apply_patch","p"]}', "p"),
        ('{"command":["bash","-lc","line"]}', "line"),
        ('{"anything":"p"}', "p"),
        ('{"input":{"patch":"p"}}', "p"),
        ('{"input":"say "hi" now"}', 'say "hi" now'),
        ('{"input":"cut of', "cut of"),
    ],
)
def test_t08_t09_other_wrappings_are_unwrapped(said: str, meant: str) -> None:
    found = answer({"tools": [GREP]}, call(said, "grep", finish="tool_calls"))
    assert found.output[0]["input"] == meant


@pytest.mark.parametrize("dress", ["```\nabc\n```", "```text\nabc```", "grep <<'EOF'\nabc\nEOF", "<<EOF\nabc\nEOF\n"])
def test_t09_what_breaks_the_grammar_is_undressed_until_it_fits(dress: str) -> None:
    tool = {**GREP, "format": {"type": "grammar", "syntax": "regex", "definition": "[a-z]+"}}
    found = answer({"tools": [tool]}, call(json.dumps({"input": dress}), "grep", finish="tool_calls"))
    assert found.output[0]["input"] == "abc"


@pytest.mark.parametrize(
    "name", ["apply_patch", "shell", "local_shell", "computer", "tool_search", "web_search", "exec"]
)
def test_t10_t17_a_plain_function_stays_one_whatever_its_name(name: str) -> None:
    found = answer({"tools": [{**WEATHER, "name": name}]}, call('{"a":1}', name, finish="tool_calls"))
    assert found.output[0]["type"] == "function_call"
    assert found.output[0]["name"] == name
    assert found.output[0]["arguments"] == '{"a":1}'


def test_t10_a_function_and_a_built_in_tool_of_one_name_stay_apart() -> None:
    tools = [{**WEATHER, "name": "shell"}, {"type": "shell"}]
    plain, built_in = names({"tools": tools})
    assert answer({"tools": tools}, call("{}", plain, finish="stop")).output[0]["type"] == "function_call"
    said = call('{"commands":["ls"]}', built_in, finish="stop")
    assert answer({"tools": tools}, said).output[0]["type"] == "shell_call"


@pytest.mark.parametrize(
    "output", ["done", [{"type": "input_text", "text": "do"}, {"type": "input_text", "text": "ne"}], {"output": "done"}]
)
def test_t11_custom_calls_and_outputs_in_history(output: object) -> None:
    found = messages(
        [
            {"type": "custom_tool_call", "call_id": "c", "name": "grep", "input": 'a"b'},
            {"type": "custom_tool_call_output", "call_id": "c", "output": output},
        ],
        tools=[GREP],
    )
    assert json.loads(found[0]["tool_calls"][0]["function"]["arguments"]) == {"input": 'a"b'}
    assert found[1] == {"role": "tool", "tool_call_id": "c", "content": "do\nne" if type(output) is list else "done"}


def test_t12_deferred_tools_are_searched_for_called_and_found() -> None:
    body = chat({"tools": [SEARCH, LAZY]})
    assert [tool["function"]["name"] for tool in body["tools"]] == ["tool_search"]
    assert "- lazy: Comes late." in body["tools"][0]["function"]["description"]
    found = answer({"tools": [SEARCH, LAZY]}, call('{"query":"late"}', "tool_search", finish="tool_calls"))
    assert found.output[0] == {
        "type": "tool_search_call",
        "id": found.output[0]["id"],
        "call_id": "call_0",
        "execution": "client",
        "status": "completed",
        "arguments": {"query": "late"},
    }
    items = [*found.output, {"type": "tool_search_output", "call_id": "call_0", "execution": "client", "tools": [LAZY]}]
    body = chat({"tools": [SEARCH, LAZY], "input": items})
    assert [tool["function"]["name"] for tool in body["tools"]] == ["tool_search", "lazy"]
    assert "lazy" in body["messages"][1]["content"]


def test_t12_without_a_search_nothing_stays_hidden() -> None:
    assert names({"tools": [LAZY]}) == ["lazy"]
    assert names({"tools": [LAZY, {"type": "tool_search"}]}) == ["lazy"]


def test_t12_a_deferred_namespace_is_found_whole_and_twice_without_a_report() -> None:
    deferred = {**NAMESPACE, "tools": [{**NAMESPACE["tools"][0], "defer_loading": True}]}
    turn: list[Json] = [
        {"type": "tool_search_call", "call_id": "1", "execution": "client", "arguments": {"query": "add"}},
        {"type": "tool_search_output", "call_id": "1", "execution": "client", "tools": [deferred]},
    ]
    again = [{**item, "call_id": "2"} for item in turn]
    request = {"tools": [SEARCH, deferred], "input": [*turn, *again]}
    assert names(request) == ["tool_search", "mcp__demo__add"]
    assert not [line for line in reported(request) if line.startswith("dropped")]


def test_t13_a_search_is_called_by_a_function_with_a_description_and_parameters() -> None:
    [tool] = chat({"tools": [{"type": "tool_search", "execution": "client"}]})["tools"]
    assert tool["function"]["description"]
    assert tool["function"]["parameters"]["required"] == ["query"]


def test_t14_a_hosted_search_in_history_is_reported_and_does_not_end_the_session() -> None:
    items = [
        {"type": "web_search_call", "id": "ws", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"role": "user", "content": "x"},
    ]
    assert reported({"input": items}) == ["ignored input[0]: the item does not hold what came out of the call"]


SHELLS: list[tuple[Json, str, Json, Json, Json]] = [
    (
        {"type": "local_shell"},
        "local_shell_call",
        {"command": ["ls", "-a"]},
        {"action": {"type": "exec", "command": ["ls", "-a"], "env": {}}},
        {"type": "local_shell_call_output", "output": "files"},
    ),
    (
        {"type": "shell", "environment": {"type": "local"}},
        "shell_call",
        {"commands": ["ls", "pwd"]},
        {
            "action": {"commands": ["ls", "pwd"], "timeout_ms": None, "max_output_length": None},
            "environment": {"type": "local"},
        },
        {
            "type": "shell_call_output",
            "output": [{"stdout": "x", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
        },
    ),
    (
        {"type": "apply_patch"},
        "apply_patch_call",
        {"operation": {"type": "create_file", "path": "a", "diff": "+x"}},
        {"operation": {"type": "create_file", "path": "a", "diff": "+x"}},
        {"type": "apply_patch_call_output", "status": "failed", "output": "no such file"},
    ),
    (
        {"type": "computer"},
        "computer_call",
        {"actions": [{"type": "click", "x": 1, "y": 2, "button": "left"}]},
        {"actions": [{"type": "click", "x": 1, "y": 2, "button": "left"}], "pending_safety_checks": []},
        {"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": PIXEL}},
    ),
    (
        {"type": "computer_use_preview", "display_width": 10, "display_height": 20, "environment": "browser"},
        "computer_call",
        {"action": {"type": "screenshot"}},
        {"action": {"type": "screenshot"}, "pending_safety_checks": []},
        {"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": PIXEL}},
    ),
]


@pytest.mark.parametrize(
    ("tool", "item_type", "said", "fields", "output"), SHELLS, ids=[row[0]["type"] for row in SHELLS]
)
def test_t16_client_run_tools_there_and_back(
    tool: Json, item_type: str, said: Json, fields: Json, output: Json
) -> None:
    request = {"tools": [tool]}
    [name] = names(request)
    text = json.dumps(said, separators=(",", ":"))
    found = answer(request, call(text[:9], name), arguments(text[9:]))
    expected = {"type": item_type, "id": found.output[0]["id"], "call_id": "call_0", "status": "completed", **fields}
    assert found.output == [expected]
    history = messages([*found.output, {**output, "call_id": "call_0"}], tools=[tool])
    [replayed] = history[0]["tool_calls"]
    assert replayed == {"id": "call_0", "type": "function", "function": {"name": name, "arguments": text}}
    assert history[1]["role"] == "tool"
    assert history[1]["content"]
    follows = history[2]["content"] if item_type == "computer_call" else []
    assert [part["type"] for part in follows] == (["image_url"] if item_type == "computer_call" else [])


def test_t16_a_local_shell_output_is_paired_by_its_id() -> None:
    action = {"type": "exec", "command": ["ls"], "env": {}}
    found = messages(
        [
            {"type": "local_shell_call", "id": "lsh_1", "call_id": "c1", "action": action, "status": "completed"},
            {"type": "local_shell_call", "id": "lsh_2", "call_id": "c2", "action": action, "status": "completed"},
            {"type": "local_shell_call_output", "id": "lsh_2", "output": "two"},
            {"type": "local_shell_call_output", "id": "c1", "output": "one"},
        ],
        tools=[{"type": "local_shell"}],
    )
    assert [(message["tool_call_id"], message["content"]) for message in found[1:3]] == [("c1", "one"), ("c2", "two")]


def test_t16_a_line_in_place_of_a_command_is_run_by_a_shell() -> None:
    found = answer({"tools": [{"type": "local_shell"}]}, call("ls -a", "local_shell", finish="stop"))
    assert found.output[0]["action"]["command"] == ["bash", "-lc", "ls -a"]


def test_t16_a_shell_in_a_container_is_reported() -> None:
    assert names({"tools": [{"type": "shell", "environment": {"type": "container_auto"}}, WEATHER]}) == ["weather"]


def test_t18_agent_messages_are_the_task() -> None:
    parts = [{"type": "input_text", "text": "do"}, {"type": "encrypted_content", "encrypted_content": "this"}]
    items = [{"type": "agent_message", "id": "a", "author": "root", "recipient": "kid", "content": parts}]
    assert chat({"input": items})["messages"] == [{"role": "user", "content": "do\nthis"}]
    with pytest.raises(InvalidRequest, match="encrypted for another provider"):
        chat({"input": [{"type": "agent_message", "content": [{"encrypted_content": "gAAAAABsecret"}]}]})


def test_t19_marks_of_encryption_are_taken_from_schemas_but_not_names() -> None:
    parameters = {
        "type": "object",
        "properties": {"message": {"type": "string", "encrypted": True}, "encrypted": {"type": "boolean"}},
    }
    [tool] = chat({"tools": [{**WEATHER, "parameters": parameters}]})["tools"]
    assert tool["function"]["parameters"]["properties"] == {
        "message": {"type": "string"},
        "encrypted": {"type": "boolean"},
    }


def test_unreadable_arguments_of_a_built_in_tool_fail_the_response() -> None:
    found: Answer = answer({"tools": [{"type": "apply_patch"}]}, call("what?", "apply_patch", finish="tool_calls"))
    assert found.response["status"] == "failed"
    assert found.output == []


@pytest.mark.parametrize("kind", ["shell", "web_search", "made_up"])
def test_what_cannot_stand_in_a_namespace_is_reported(kind: str) -> None:
    request = {"tools": [{**NAMESPACE, "tools": [{"type": kind}, {**WEATHER, "name": "add"}]}]}
    assert names(request) == ["mcp__demo__add"]
    assert reported(request) == [
        f"dropped tools[0].tools[0]: tools of type '{kind}' are not supported in a namespace",
    ]


@pytest.mark.parametrize("member", [LAZY, {**GREP, "defer_loading": True}])
def test_a_deferred_member_is_told_of_by_its_namespace(member: Json) -> None:
    """The client finds namespaces, not single tools of one."""
    tools = [SEARCH, {**NAMESPACE, "tools": [member, {**WEATHER, "name": "add"}]}]
    body = chat({"tools": tools})
    assert [tool["function"]["name"] for tool in body["tools"]] == ["tool_search", "mcp__demo__add"]
    assert body["tools"][0]["function"]["description"].endswith("- mcp__demo: d")
    assert len(names({"tools": tools[1:]})) == 2, "nobody could find it, so it is offered"


def test_what_a_search_found_is_told_by_the_names_under_which_it_can_be_called() -> None:
    found = [{"type": "computer_use"}, {"type": "computer_use_preview"}, {**NAMESPACE, "tools": [WEATHER]}]
    items = [
        {"type": "tool_search_call", "call_id": "c", "execution": "client", "arguments": {}},
        {"type": "tool_search_output", "call_id": "c", "execution": "client", "tools": found},
    ]
    body = chat({"tools": [SEARCH], "input": items})
    offered = [tool["function"]["name"] for tool in body["tools"]]
    assert offered == ["tool_search", "computer", "computer_use_preview", "mcp__demo__weather"]
    assert body["messages"][-1]["content"].endswith(": " + ", ".join(offered[1:]))
