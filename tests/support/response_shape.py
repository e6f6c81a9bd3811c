"""`check_response` and `check_item`: every field that clients read is there, of the right type, and null only where
null is legal. The list is the union of what the OpenAI SDKs, Codex CLI, the AI SDKs and Open Responses require.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.support.grammar import (
    FLAG,
    ITEM_KINDS,
    LIST,
    NUMBER,
    OBJECT,
    OBJECT_OR_NULL,
    PART_FIELDS,
    TEXT,
    TEXT_OR_NULL,
    WHOLE,
    WHOLE_OR_NULL,
    Fields,
    Json,
)

RESPONSE_FIELDS: Fields = {
    "id": TEXT,
    "object": TEXT,
    "created_at": WHOLE,
    "completed_at": WHOLE_OR_NULL,
    "status": TEXT,
    "error": OBJECT_OR_NULL,
    "incomplete_details": OBJECT_OR_NULL,
    "model": TEXT,
    "output": LIST,
    "usage": OBJECT_OR_NULL,
    "tools": LIST,
    "tool_choice": (str, dict),
    "parallel_tool_calls": FLAG,
    "max_tool_calls": WHOLE_OR_NULL,
    "max_output_tokens": WHOLE_OR_NULL,
    "instructions": TEXT_OR_NULL,
    "previous_response_id": TEXT_OR_NULL,
    "reasoning": OBJECT_OR_NULL,
    "text": OBJECT,
    "temperature": NUMBER,
    "top_p": NUMBER,
    "presence_penalty": NUMBER,
    "frequency_penalty": NUMBER,
    "top_logprobs": WHOLE,
    "truncation": TEXT,
    "store": FLAG,
    "background": FLAG,
    "service_tier": TEXT,
    "metadata": OBJECT,
    "safety_identifier": TEXT_OR_NULL,
    "prompt_cache_key": TEXT_OR_NULL,
}
NESTED_FIELDS: dict[str, Fields] = {
    "error": {"code": TEXT, "message": TEXT},
    "incomplete_details": {"reason": TEXT},
    "reasoning": {"effort": TEXT_OR_NULL, "summary": TEXT_OR_NULL},
    "usage": {
        "input_tokens": WHOLE,
        "output_tokens": WHOLE,
        "total_tokens": WHOLE,
        "input_tokens_details": OBJECT,
        "output_tokens_details": OBJECT,
    },
}
FUNCTION_TOOL_FIELDS: Fields = {
    "name": TEXT,
    "description": TEXT_OR_NULL,
    "parameters": OBJECT_OR_NULL,
    "strict": (bool, type(None)),
}
STATUSES = ("queued", "in_progress", "completed", "incomplete", "failed", "cancelled")
ITEM_STATUSES = ("in_progress", "searching", "interpreting", "generating", "completed", "incomplete", "failed")

# Optional in the schema but not nullable: absent or a value.
NEVER_NULL_IN_ITEM = ("status", "phase", "encrypted_content", "content", "namespace")
NEVER_NULL_IN_PART = ("logprobs",)


def check_fields(value: Json, fields: Fields, where: str) -> None:
    """Every field is present with one of its JSON types; a bool is no number here."""
    assert type(value) is dict, f"{where}: {value!r} is not an object"
    for name, types in fields.items():
        assert name in value, f"{where}: field {name!r} is missing"
        assert type(value[name]) in types, f"{where}.{name}: {value[name]!r} is not {_names(types)}"


def check_item(item: Json, where: str) -> None:
    """One output item holds what its type requires, and its parts theirs."""
    check_fields(item, {"type": TEXT}, where)
    assert item["type"] in ITEM_KINDS, f"{where}: no entry in ITEM_KINDS for item type {item['type']!r}"
    kind = ITEM_KINDS[item["type"]]
    check_fields(item, kind.fields, where)
    _never_null(item, NEVER_NULL_IN_ITEM, where)
    for name in ("id", "call_id", "name"):
        assert item.get(name, "-"), f"{where}.{name}: empty"
    assert item.get("status", "completed") in ITEM_STATUSES, f"{where}.status: {item['status']!r}"
    assert item.get("role", "assistant") == "assistant", f"{where}.role: {item['role']!r}"
    for parts in kind.parts:
        for position, part in enumerate(item.get(parts.key, ())):
            check_part(part, parts.runs, f"{where}.{parts.key}[{position}]")


def check_part(part: Json, types: Iterable[str], where: str) -> None:
    check_fields(part, {"type": TEXT}, where)
    assert part["type"] in types, f"{where}: a part of type {part['type']!r} has no place here"
    check_fields(part, PART_FIELDS[part["type"]], where)
    _never_null(part, NEVER_NULL_IN_PART, where)


def check_response(response: Json, where: str = "response") -> None:
    """A whole response object, at any status, has the form that clients need."""
    check_fields(response, RESPONSE_FIELDS, where)
    assert response["object"] == "response", f"{where}.object: {response['object']!r}"
    assert response["id"], f"{where}.id: empty"
    assert response["status"] in STATUSES, f"{where}.status: {response['status']!r}"
    assert response["truncation"] in ("auto", "disabled"), f"{where}.truncation: {response['truncation']!r}"
    for name, fields in NESTED_FIELDS.items():
        if response[name] is not None:
            check_fields(response[name], fields, f"{where}.{name}")
    _check_text(response["text"], f"{where}.text")
    _check_tools(response["tools"], f"{where}.tools")
    if response["usage"] is not None:
        _check_usage(response["usage"], f"{where}.usage")
    for key, value in response["metadata"].items():
        assert type(value) is str, f"{where}.metadata.{key}: {value!r} is not a string"
    for position, item in enumerate(response["output"]):
        check_item(item, f"{where}.output[{position}]")


def _check_text(text: Json, where: str) -> None:
    check_fields(text, {"format": OBJECT}, where)
    check_fields(text["format"], {"type": TEXT}, f"{where}.format")
    _never_null(text, ("verbosity",), where)


def _check_tools(tools: list[Json], where: str) -> None:
    for position, tool in enumerate(tools):
        check_fields(tool, {"type": TEXT}, f"{where}[{position}]")
        if tool["type"] == "function":
            check_fields(tool, FUNCTION_TOOL_FIELDS, f"{where}[{position}]")


def _check_usage(usage: Json, where: str) -> None:
    check_fields(usage["input_tokens_details"], {"cached_tokens": WHOLE}, f"{where}.input_tokens_details")
    check_fields(usage["output_tokens_details"], {"reasoning_tokens": WHOLE}, f"{where}.output_tokens_details")
    counts = (
        usage["input_tokens"],
        usage["output_tokens"],
        usage["total_tokens"],
        usage["input_tokens_details"]["cached_tokens"],
        usage["output_tokens_details"]["reasoning_tokens"],
    )
    assert min(counts) >= 0, f"{where}: a negative count in {usage!r}"


def _never_null(value: Json, names: tuple[str, ...], where: str) -> None:
    for name in names:
        assert name not in value or value[name] is not None, f"{where}.{name}: null where only absence is legal"


def _names(types: tuple[type, ...]) -> str:
    return " or ".join("null" if kind is type(None) else kind.__name__ for kind in types)
