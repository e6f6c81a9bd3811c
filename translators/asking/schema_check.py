"""`misfit(value, schema)`: where a JSON value does not fit a JSON Schema, or None.

The keywords that structured output uses; others are taken to fit. Patterns are not run: a client's pattern on a
model's text could run for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# What is behind so many steps is taken to fit: some tens of milliseconds, for what was made to take longer.
_MAX_STEPS = 20_000
_MAX_DEPTH = 200  # a reference to itself never ends
_COMPARED = 16  # members of a list that are looked through in one step
_LONGEST_PATH = 300


def misfit(value: Any, schema: Any) -> str | None:
    """The path and the fault of the first misfit."""
    return _Checker(schema).check(value, schema, _At(None, "$"))


class _At:
    """A place in the value. It is only put into words where there is a fault, the end of a long one."""

    __slots__ = ("_above", "_step")

    def __init__(self, above: _At | None, step: str | int) -> None:
        self._above = above
        self._step = step

    def under(self, name: str) -> _At:
        return _At(self, name)

    def member(self, index: int) -> _At:
        return _At(self, index)

    def __str__(self) -> str:
        steps: list[str] = []
        at: _At | None = self
        length = 0
        while at is not None and length < _LONGEST_PATH:
            step = f"[{at._step}]" if type(at._step) is int else f".{str(at._step)[:_LONGEST_PATH]}"
            steps.append(step if at._above is not None else str(at._step))
            length += len(step)
            at = at._above
        return ("" if at is None else "…") + "".join(reversed(steps))


class _Checker:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._steps = 0
        self._depth = 0

    def check(self, value: Any, schema: Any, at: _At) -> str | None:
        self._steps += 1
        if schema is False:
            return f"{at} may not be there"
        if type(schema) is not dict or self._steps > _MAX_STEPS or self._depth > _MAX_DEPTH:
            return None
        self._depth += 1
        fault = self._first_fault(value, schema, at)
        self._depth -= 1
        return fault

    def _first_fault(self, value: Any, schema: dict[str, Any], at: _At) -> str | None:
        for keyword, wanted in schema.items():
            test = _TESTS.get(keyword)
            fault = None if test is None else test(self, value, wanted, schema, at)
            if fault is not None:
                return fault
        return None

    def look_through(self, members: Any) -> None:
        """Counts what it takes to look at each of them."""
        self._steps += len(members) // _COMPARED

    def resolve(self, reference: str) -> Any:
        found = self._root
        self.look_through(reference)
        for step in filter(None, reference.removeprefix("#").split("/")):
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if type(found) is dict else None
        return found


Test = Callable[[_Checker, Any, Any, dict[str, Any], _At], str | None]

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: type(value) is dict,
    "array": lambda value: type(value) is list,
    "string": lambda value: type(value) is str,
    "boolean": lambda value: type(value) is bool,
    "null": lambda value: value is None,
    "number": lambda value: type(value) in (int, float),
    "integer": lambda value: type(value) is int or (type(value) is float and value.is_integer()),
}


def _type(checker: _Checker, value: Any, wanted: Any, schema: dict[str, Any], at: _At) -> str | None:
    names = wanted if type(wanted) is list else [wanted]
    if any(_TYPES.get(name, lambda _: True)(value) for name in names if type(name) is str):
        return None
    return f"{at} is not of type {' or '.join(map(str, names))}"


def _enum(checker: _Checker, value: Any, wanted: Any, schema: dict[str, Any], at: _At) -> str | None:
    if type(wanted) is not list:
        return None
    checker.look_through(wanted)
    if type(value) in (list, dict):
        checker.look_through(value)
    return None if value in wanted else f"{at} is none of the allowed values"


def _const(checker: _Checker, value: Any, wanted: Any, schema: dict[str, Any], at: _At) -> str | None:
    if type(wanted) in (list, dict):
        checker.look_through(wanted)
    return None if value == wanted else f"{at} is not the allowed value"


def _properties(checker: _Checker, value: Any, wanted: Any, schema: dict[str, Any], at: _At) -> str | None:
    if type(value) is not dict or type(wanted) is not dict:
        return None
    checker.look_through(wanted)
    faults = (checker.check(value[name], inner, at.under(name)) for name, inner in wanted.items() if name in value)
    return next(filter(None, faults), None)


def _required(checker: _Checker, value: Any, wanted: Any, schema: dict[str, Any], at: _At) -> str | None:
    if type(value) is not dict or type(wanted) is not list:
        return None
    checker.look_through(wanted)
    return next((f"{at}.{name} is missing" for name in wanted if name not in value), None)


def _additional(checker: _Checker, value: Any, wanted: Any, schema: dict[str, Any], at: _At) -> str | None:
    if type(value) is not dict or "patternProperties" in schema:
        return None
    checker.look_through(value)
    known = schema.get("properties")
    others = [name for name in value if type(known) is not dict or name not in known]
    return next(filter(None, (checker.check(value[name], wanted, at.under(name)) for name in others)), None)


def _items(checker: _Checker, value: Any, wanted: Any, schema: dict[str, Any], at: _At) -> str | None:
    if type(value) is not list or type(wanted) is list:
        return None
    start = len(schema["prefixItems"]) if type(schema.get("prefixItems")) is list else 0
    faults = (checker.check(member, wanted, at.member(start + index)) for index, member in enumerate(value[start:]))
    return next(filter(None, faults), None)


def _any_of(checker: _Checker, value: Any, wanted: Any, schema: dict[str, Any], at: _At) -> str | None:
    if type(wanted) is not list or any(checker.check(value, inner, at) is None for inner in wanted):
        return None
    return f"{at} fits none of its forms"


def _all_of(checker: _Checker, value: Any, wanted: Any, schema: dict[str, Any], at: _At) -> str | None:
    if type(wanted) is not list:
        return None
    return next(filter(None, (checker.check(value, inner, at) for inner in wanted)), None)


def _ref(checker: _Checker, value: Any, wanted: Any, schema: dict[str, Any], at: _At) -> str | None:
    return checker.check(value, checker.resolve(wanted), at) if type(wanted) is str and wanted.startswith("#") else None


def _limit(measure: Callable[[Any], Any], fits: Callable[[Any, Any], bool], said: str) -> Test:
    def test(checker: _Checker, value: Any, wanted: Any, schema: dict[str, Any], at: _At) -> str | None:
        size = measure(value)
        if size is None or type(wanted) not in (int, float) or fits(size, wanted):
            return None
        return f"{at} is {said} {wanted}"

    return test


def _number(value: Any) -> Any:
    return value if type(value) in (int, float) else None


def _text_length(value: Any) -> int | None:
    return len(value) if type(value) is str else None


def _list_length(value: Any) -> int | None:
    return len(value) if type(value) is list else None


_TESTS: dict[str, Test] = {
    "$ref": _ref,
    "type": _type,
    "enum": _enum,
    "const": _const,
    "properties": _properties,
    "required": _required,
    "additionalProperties": _additional,
    "items": _items,
    "anyOf": _any_of,
    "oneOf": _any_of,
    "allOf": _all_of,
    "minimum": _limit(_number, lambda size, limit: size >= limit, "less than"),
    "maximum": _limit(_number, lambda size, limit: size <= limit, "more than"),
    "exclusiveMinimum": _limit(_number, lambda size, limit: size > limit, "not more than"),
    "exclusiveMaximum": _limit(_number, lambda size, limit: size < limit, "not less than"),
    "minLength": _limit(_text_length, lambda size, limit: size >= limit, "shorter than"),
    "maxLength": _limit(_text_length, lambda size, limit: size <= limit, "longer than"),
    "minItems": _limit(_list_length, lambda size, limit: size >= limit, "shorter than"),
    "maxItems": _limit(_list_length, lambda size, limit: size <= limit, "longer than"),
}
