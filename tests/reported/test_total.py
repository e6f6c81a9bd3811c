"""R1 and R5 for every type of tool and item: a request becomes a Chat request or names its fault, nothing else."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import json_values
from tests.support.drive import PIXEL, WEATHER, chat
from translators.asking.parse import parse_request
from translators.asking.translate import Settings, to_chat
from translators.dialects import PRESETS
from translators.errors import InvalidRequest
from translators.kinds import KINDS

Json = dict[str, Any]
GRAMMAR: Json = {"type": "grammar", "syntax": "lark", "definition": 'start: "a"+'}
LAZY: Json = {**WEATHER, "name": "lazy", "defer_loading": True}
CUSTOM: Json = {"type": "custom", "name": "grep", "description": "d", "format": GRAMMAR}
NAMESPACE: Json = {"type": "namespace", "name": "ns", "description": "d", "tools": [WEATHER, LAZY, CUSTOM]}
TOOLS: list[Json] = [
    WEATHER,
    LAZY,
    CUSTOM,
    NAMESPACE,
    {"type": "tool_search", "execution": "client", "parameters": {"type": "object"}},
    {"type": "local_shell"},
    {"type": "shell", "environment": {"type": "local", "skills": [{"name": "s", "description": "d", "path": "/s"}]}},
    {"type": "apply_patch"},
    {"type": "computer"},
    {"type": "computer_use_preview", "display_width": 1, "display_height": 2, "environment": "linux"},
    {"type": "mcp", "server_label": "s", "server_url": "https://example.com"},
    {"type": "web_search"},
]
SCREENSHOT: Json = {"type": "computer_screenshot", "image_url": PIXEL}
# Each turn is a call and its output, or an item of its own.
TURNS: list[list[Json]] = [
    [
        {"type": "custom_tool_call", "call_id": "", "name": "grep", "input": "aa"},
        {"type": "custom_tool_call_output", "call_id": "", "output": [{"type": "input_text", "text": "x"}]},
    ],
    [
        {"type": "tool_search_call", "call_id": "", "execution": "client", "arguments": {"query": "q"}},
        {"type": "tool_search_output", "call_id": "", "execution": "client", "tools": [NAMESPACE, LAZY]},
    ],
    [
        {"type": "local_shell_call", "call_id": "", "action": {"type": "exec", "command": ["ls"], "env": {}}},
        {"type": "local_shell_call_output", "call_id": "", "output": "x"},
    ],
    [
        {"type": "shell_call", "call_id": "", "action": {"commands": ["ls"]}},
        {
            "type": "shell_call_output",
            "call_id": "",
            "output": [{"stdout": "x", "stderr": "", "outcome": {"type": "timeout"}}],
        },
    ],
    [
        {"type": "apply_patch_call", "call_id": "", "operation": {"type": "delete_file", "path": "a"}},
        {"type": "apply_patch_call_output", "call_id": "", "status": "completed", "output": None},
    ],
    [
        {"type": "computer_call", "call_id": "", "actions": [{"type": "wait"}], "pending_safety_checks": []},
        {"type": "computer_call_output", "call_id": "", "output": SCREENSHOT},
    ],
    [{"type": "additional_tools", "role": "developer", "tools": [NAMESPACE, {"type": "shell"}]}],
    [{"type": "agent_message", "content": [{"type": "input_text", "text": "do"}, {"encrypted_content": "it"}]}],
    [{"type": "configuration_update", "reasoning": {"effort": "low"}, "text": {"verbosity": "low"}}],
    [{"type": "compaction", "encrypted_content": "x"}],
    [{"type": "mcp_call", "name": "n", "server_label": "s", "arguments": "{}", "output": "x"}],
    [{"type": "file_search_call", "queries": ["q"], "results": [{"text": "x"}]}],
    [{"type": "code_interpreter_call", "code": "1", "outputs": [{"type": "logs", "logs": "1"}]}],
    [{"type": "image_generation_call", "result": "aGk="}],
    [{"type": "web_search_call", "action": {"type": "search", "query": "q"}}],
    [{"type": "message", "role": "user", "content": "hi"}],
]


def numbered(turns: list[list[Json]]) -> list[Json]:
    """The items of the turns, each turn with a call id of its own."""
    found = []
    for number, turn in enumerate(turns):
        for item in turn:
            found.append({**item, "id": f"i_{number}", **({"call_id": f"c_{number}"} if "call_id" in item else {})})
    return found


requests = st.builds(
    lambda tools, turns: {"tools": tools, "input": [{"role": "user", "content": "go"}, *numbered(turns)]},
    st.lists(st.sampled_from(TOOLS), max_size=5),
    st.lists(st.sampled_from(TURNS), max_size=5),
)


def test_every_type_is_among_them() -> None:
    of_tools = {tool["type"] for tool in TOOLS}
    assert {kind for kind, form in KINDS.forms.items() if form} - {"computer_use"} <= of_tools
    of_items = {item["type"] for turn in TURNS for item in turn}
    elsewhere = {"function_call", "function_call_output", "reasoning", "item_reference", "compaction_trigger"}
    unplayable = {"compaction_summary", "program", "program_output"}
    assert (
        KINDS.items.keys() - elsewhere - unplayable - {kind for kind in KINDS.items if kind.startswith("mcp_")}
        <= of_items
    )


@given(requests)
def test_r2_what_comes_out_is_valid_for_a_strict_server(request: Json) -> None:
    chat(request)


@given(requests, st.integers(1, 8))
def test_r5_a_longer_history_begins_with_the_shorter(request: Json, length: int) -> None:
    """Cut behind a whole turn: messages of a shorter history are a prefix."""
    items = request["input"]
    cut = min(length, len(items))
    while cut < len(items) and items[cut].get("type", "").endswith("_output"):
        cut += 1
    shorter = chat({**request, "input": items[:cut]})["messages"]
    assert chat(request)["messages"][: len(shorter)] == shorter


def _mutated(value: Any, path: list[int], replacement: Any) -> Any:
    """`value` with whatever lies at the end of `path` replaced."""
    value = copy.deepcopy(value)
    owner, key = {"value": value}, "value"
    found: Any = owner
    for step in path:
        inner = found[key]
        if type(inner) is dict and inner:
            found, key = inner, sorted(inner)[step % len(inner)]
        elif type(inner) is list and inner:
            found, key = inner, step % len(inner)  # type: ignore[assignment]
    found[key] = replacement
    return owner["value"]


@given(requests, st.lists(st.integers(0, 20), min_size=1, max_size=7), json_values(max_leaves=4))
def test_r1_any_fault_is_named(request: Json, path: list[int], replacement: Any) -> None:
    body = json.dumps(_mutated(request, path, replacement)).encode()
    try:
        to_chat(parse_request(body), PRESETS["generic"], Settings(model="up")).body()
    except InvalidRequest as error:
        told = error
    else:
        return
    assert told.status in (400, 413, 422)
    assert told.message
