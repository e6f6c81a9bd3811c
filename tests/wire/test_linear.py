"""What a client's words cost grows no faster than they do, counted in steps and values (invariant R10)."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from tests.support.translation import translate
from translators.asking import schema_check
from translators.asking import translate as request_module
from translators.asking.parse import parse_request
from translators.asking.schema_check import misfit
from translators.asking.translate import Settings, to_chat
from translators.dialects import PRESETS
from translators.dialects.schemas import MAX_COPIED, adapt_schema
from translators.errors import InvalidRequest
from translators.tools import map as map_module

Json = dict[str, Any]


def steps(work: Callable[[], object]) -> int:
    """How many functions of Python and of C are called."""
    count = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def function(number: int) -> Json:
    return {"type": "function", "name": f"f{number}", "parameters": {"type": "object", "properties": {}}}


def many_tools(size: int) -> Json:
    return {"tools": [function(number) for number in range(size)]}


def one_name(size: int) -> Json:
    return {"tools": [function(0)] * size}


def allowed_namespaces(size: int) -> Json:
    names = [f"n{number}" for number in range(size)]
    return {
        "tools": [{"type": "namespace", "name": name, "tools": [function(0)]} for name in names],
        "tool_choice": {
            "type": "allowed_tools",
            "mode": "auto",
            "tools": [{"type": "namespace", "name": name} for name in names],
        },
    }


def one_call_id(size: int) -> Json:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    return {"input": [call, {"type": "function_call_output", "call_id": "c", "output": "x"}] * size}


def unanswered_calls(size: int) -> Json:
    return {
        "input": [
            {"type": "function_call", "call_id": f"c{number}", "name": f"f {number}", "arguments": "{}"}
            for number in range(size)
        ]
    }


def unknown_fields(size: int) -> Json:
    return {f"u{number}": 1 for number in range(size)}


@pytest.mark.parametrize(
    "of_size", [many_tools, one_name, allowed_namespaces, one_call_id, unanswered_calls, unknown_fields]
)
def test_r10_a_request_twice_as_long_costs_twice_as_much(of_size: Callable[[int], Json]) -> None:
    def cost(size: int) -> int:
        return steps(lambda: translate({"model": "m", "input": "hi", **of_size(size)}))

    cost(10)  # what is done once
    assert cost(200) <= 2.5 * cost(100)


def doubling(depth: int) -> Json:
    twice = {
        f"d{level}": {"properties": {side: {"$ref": f"#/$defs/d{level + 1}"} for side in "xy"}}
        for level in range(depth)
    }
    return {"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": {**twice, f"d{depth}": {"type": "string"}}}


def a_long_list_often(size: int) -> Json:
    often = {f"p{number}": {"$ref": "#/$defs/d"} for number in range(size)}
    return {"properties": often, "$defs": {"d": {"enum": [str(number) for number in range(size)]}}}


@pytest.mark.parametrize("schema", [doubling(16), doubling(60), a_long_list_often(2000)])
def test_r10_references_add_no_more_than_their_limit(schema: Json) -> None:
    given = json.dumps(schema).encode()
    adapted, lost = adapt_schema(Raw(given), ("inline_refs",))
    assert lost == ["$ref"]
    assert _values(msgspec.json.decode(adapted)) <= 2 * (_values(schema) + MAX_COPIED)


def _values(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_values, value.values()))
    return 1 + sum(map(_values, value)) if isinstance(value, list) else 1


ANSWERS: list[tuple[Any, Json]] = [
    ([{"a": 1}] * 3000, {"items": {"required": ["a"] * 3000}}),
    ([{}] * 3000, {"items": {"properties": {str(number): True for number in range(3000)}}}),
    (["-1"] * 3000, {"items": {"enum": [str(number) for number in range(3000)] + ["-1"]}}),
    ([1] * 3000, {"items": {"$ref": "#" + "/a" * 3000}}),
    ([1] * 300, {"items": {"anyOf": [{"type": "string"}] * 300 + [True]}}),
]


@pytest.mark.parametrize(("answer", "schema"), ANSWERS)
def test_r10_an_answer_is_held_to_its_schema_for_a_number_of_steps(answer: Any, schema: Json) -> None:
    assert steps(lambda: misfit(answer, schema)) <= 60 * schema_check._MAX_STEPS


def test_a_place_deep_within_is_told_by_its_end() -> None:
    value: Any = "x"
    schema: Json = {"type": "integer"}
    for _ in range(50):
        value, schema = {"a" * 50: [value]}, {"properties": {"a" * 50: {"items": schema}}}
    fault = misfit(value, schema)
    assert fault is not None
    assert fault.startswith("…")
    assert fault.endswith("[0] is not of type integer")
    assert len(fault) < 500
    assert misfit({"a": [1, "x"]}, {"properties": {"a": {"items": {"type": "integer"}}}}) == (
        "$.a[1] is not of type integer"
    )


def test_items_and_tools_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attacked with 200,000 items and 30,000 tools of one name: over the limit a request is refused by its field."""
    monkeypatch.setattr(request_module, "MAX_REQUEST_ITEMS", 3)
    monkeypatch.setattr(map_module, "MAX_TOOLS", 3)
    dialect, turn = PRESETS["generic"], {"role": "user", "content": "Hi"}
    tool = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
    space = {"type": "namespace", "name": "n", "description": "d", "tools": [tool, tool]}
    for fields, param, code in (
        ({"input": [turn] * 4}, "input", "too_many_items"),
        ({"input": "Hi", "tools": [space, space]}, "tools", "too_many_tools"),
    ):
        parsed = parse_request(json.dumps({"model": "m", **fields}).encode())
        with pytest.raises(InvalidRequest) as refused:
            to_chat(parsed, dialect, Settings(model="m"))
        assert (refused.value.param, refused.value.code) == (param, code)
    few = parse_request(json.dumps({"model": "m", "input": [turn] * 3}).encode())
    assert len(to_chat(few, dialect, Settings(model="m")).chat.messages) == 3
