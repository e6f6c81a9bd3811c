"""For every name of the API's request side, a request that uses it and the same request without it."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

FUNCTION: Json = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
SCHEMA: Json = {"type": "json_schema", "name": "n", "schema": {"type": "object"}}
PIXEL = "data:image/png;base64,iVBORw0KGgo="

PARAMETERS: Json = {
    "access_programs": {"cyber": "standard"},
    "background": True,
    "background_options": {"completion_window": "soonest"},
    "context_management": [{"type": "compaction", "compact_threshold": 5000}],
    "conversation": "conv_1",
    "image": {"downsize": "auto"},
    "include": ["message.output_text.logprobs"],
    "input": "hi",
    "instructions": "Be brief.",
    "max_output_tokens": 100,
    "max_tool_calls": 3,
    "metadata": {"a": "b"},
    "model": "m",
    "moderation": {"model": "omni"},
    "parallel_tool_calls": False,
    "previous_response_id": "resp_1",
    "prompt": {"id": "p"},
    "prompt_cache_key": "k",
    "prompt_cache_options": {"ttl": "1h"},
    "prompt_cache_retention": "24h",
    "reasoning": {"effort": "low"},
    "safety_identifier": "s",
    "service_tier": "flex",
    "store": False,
    "stream": True,
    "stream_options": {"include_obfuscation": True},
    "temperature": 0.5,
    "text": {"format": SCHEMA},
    "tool_choice": "required",
    "tools": [FUNCTION],
    "top_logprobs": 2,
    "top_p": 0.5,
    "truncation": "auto",
    "user": "u",
}
_WITH_TOOLS = ("tool_choice", "parallel_tool_calls")

TOOLS: dict[str, Json] = {
    "apply_patch": {},
    "code_interpreter": {"container": {"type": "auto"}},
    "computer": {},
    "computer_use_preview": {"display_width": 800, "display_height": 600, "environment": "linux"},
    "custom": {"name": "c"},
    "file_search": {"vector_store_ids": ["vs_1"]},
    "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
    "image_generation": {},
    "local_shell": {},
    "mcp": {"server_label": "s", "server_url": "https://mcp.example"},
    "namespace": {"name": "ns", "description": "d", "tools": [FUNCTION]},
    "programmatic_tool_calling": {},
    "shell": {"environment": {"type": "local"}},
    "tool_search": {"execution": "client", "parameters": {"type": "object", "properties": {}}},
    "web_search": {},
    "web_search_2025_08_26": {},
    "web_search_preview": {},
    "web_search_preview_2025_03_11": {},
}

_CHOSEN: dict[str, Json] = {
    "function": {"name": "f"},
    "custom": {"name": "c"},
    "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "name": "f"}]},
    "mcp": {"server_label": "s"},
}
# The tool that a choice by type chooses, where their names differ.
_TOOL_OF_CHOICE = {"computer_use": "computer", "allowed_tools": "function"}

_CALL: Json = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
_OUTPUT: Json = {"type": "function_call_output", "call_id": "c1", "output": "done"}
_PATCH: Json = {"type": "create_file", "path": "a", "diff": "+a"}
_PATCH_CALL: Json = {"type": "apply_patch_call", "call_id": "c1", "operation": _PATCH}
_SHELL_CALL: Json = {"type": "shell_call", "call_id": "c1", "action": {"commands": ["ls"]}}
_LOCAL_CALL: Json = {
    "type": "local_shell_call",
    "id": "c1",
    "call_id": "c1",
    "action": {"type": "exec", "command": ["ls"], "env": {}},
}
_COMPUTER_CALL: Json = {"type": "computer_call", "call_id": "c1", "actions": [{"type": "screenshot"}]}
_CUSTOM_CALL: Json = {"type": "custom_tool_call", "call_id": "c1", "name": "c", "input": "x"}
_SEARCH_CALL: Json = {"type": "tool_search_call", "call_id": "c1", "execution": "client", "arguments": {"query": "q"}}
_SCREENSHOT: Json = {"type": "computer_screenshot", "image_url": PIXEL}

_PATCHED: Json = {"type": "apply_patch_call_output", "call_id": "c1", "status": "completed", "output": "done"}
_CUSTOM_OUTPUT: Json = {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"}
_LOCAL_OUTPUT: Json = {"type": "local_shell_call_output", "id": "c1", "output": "done"}
_SHELL_OUTPUT: Json = {"type": "shell_call_output", "call_id": "c1", "output": []}
_COMPUTER_OUTPUT: Json = {"type": "computer_call_output", "call_id": "c1", "output": _SCREENSHOT}
_FOUND: Json = {"type": "tool_search_output", "call_id": "c1", "execution": "client", "tools": [FUNCTION]}
_ANSWER: Json = {"role": "assistant", "content": "Yes."}

# Items that come in pairs are shown by the pair.
_PAIRS: tuple[tuple[Json, Json], ...] = (
    (_CALL, _OUTPUT),
    (_PATCH_CALL, _PATCHED),
    (_CUSTOM_CALL, _CUSTOM_OUTPUT),
    (_LOCAL_CALL, _LOCAL_OUTPUT),
    (_SHELL_CALL, _SHELL_OUTPUT),
    (_COMPUTER_CALL, _COMPUTER_OUTPUT),
    (_SEARCH_CALL, _FOUND),
)
_ALONE: dict[str, Json] = {
    "additional_tools": {"role": "developer", "tools": [{**FUNCTION, "name": "g"}]},
    "code_interpreter_call": {"id": "ci_1", "code": "1", "outputs": [{"type": "logs", "logs": "1"}]},
    "compaction": {"encrypted_content": "foreign"},
    "compaction_trigger": {},
    "configuration_update": {"reasoning": {"effort": "low"}},
    "file_search_call": {"id": "fs_1", "queries": ["q"], "results": [{"text": "found"}]},
    "image_generation_call": {"id": "ig_1", "result": "iVBORw0KGgo="},
    "item_reference": {"id": "msg_1"},
    "mcp_approval_request": {"id": "mcpr_1", "name": "n", "server_label": "s", "arguments": "{}"},
    "mcp_approval_response": {"approval_request_id": "mcpr_1", "approve": True},
    "mcp_call": {"id": "mcp_1", "name": "n", "server_label": "s", "arguments": "{}", "output": "done"},
    "mcp_list_tools": {"id": "mcpl_1", "server_label": "s", "tools": []},
    "message": {"role": "user", "content": "hi"},
    "program": {"id": "p", "call_id": "c1", "code": "1", "fingerprint": "f"},
    "program_output": {"id": "p", "call_id": "c1", "result": "1"},
    "reasoning": {"id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
    "web_search_call": {"id": "ws_1", "action": {"type": "search", "query": "q"}, "status": "completed"},
}
ITEMS: dict[str, list[Json]] = {
    **{item["type"]: [*pair] for pair in _PAIRS for item in pair},
    **{name: [{**item, "type": name}] for name, item in _ALONE.items()},
}


def sample(section: str, name: str) -> tuple[Json, Json]:
    """Raises KeyError for a name that has none."""
    return _MAKERS[section](name)


def _parameter(name: str) -> tuple[Json, Json]:
    base: Json = {"model": "m", "input": "hi"}
    if name in _WITH_TOOLS:
        base["tools"] = [FUNCTION]
    if name == "stream_options":
        base["stream"] = True
    without = {key: value for key, value in base.items() if key != name}
    return {**base, name: PARAMETERS[name]}, without


def _item(name: str) -> tuple[Json, Json]:
    base: Json = {"model": "m", "tools": [FUNCTION]}
    before, behind = [{"role": "user", "content": "go"}], [_ANSWER] if name == "reasoning" else []
    return {**base, "input": [*before, *ITEMS[name], *behind]}, {**base, "input": [*before, *behind]}


def _tool(name: str) -> tuple[Json, Json]:
    base: Json = {"model": "m", "input": "hi"}
    return {**base, "tools": [{"type": name, **TOOLS[name]}]}, base


def _choice(name: str) -> tuple[Json, Json]:
    kind = _TOOL_OF_CHOICE.get(name, name if name in TOOLS else "function")
    base: Json = {"model": "m", "input": "hi", "tools": [{"type": kind, **TOOLS[kind]}]}
    choice = name if name in ("none", "auto", "required") else {"type": name, **_CHOSEN.get(name, {})}
    return {**base, "tool_choice": choice}, base


def _include(name: str) -> tuple[Json, Json]:
    base: Json = {"model": "m", "input": "hi"}
    return {**base, "include": [name]}, base


_MAKERS = {
    "parameters": _parameter,
    "input items": _item,
    "tools": _tool,
    "tool_choice": _choice,
    "include": _include,
}
