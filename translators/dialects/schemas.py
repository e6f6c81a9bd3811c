"""`adapt_schema(raw, steps)`: a JSON Schema in the subset that a backend reads.

What a step must take away is said in the `description` beside it, so that the model still knows. The same schema
always gives the same bytes. What Moonshot refuses is told in router-for-me/CLIProxyAPI#5316, what Gemini's validators
refuse in tashfeenahmed/freellmapi#65.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import Raw

from translators.dialects.dialect import SchemaStep

Schema = dict[str, Any]

MAX_COPIED = 50_000
"""How many values references may add to a schema: such as refer to references would let it grow without bounds."""
_MAX_DEPTH = 64
_META = ("$schema", "$id", "$comment")
_MAPS = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLES = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
_BRANCHES = ("anyOf", "oneOf")
_GEMINI = frozenset(
    {
        *("type", "title", "description", "nullable", "enum", "format", "properties", "required", "items"),
        *("minItems", "maxItems", "minimum", "maximum", "minLength", "maxLength", "pattern", "anyOf", "default"),
    }
)
_ANCHORED = re.compile(r"\^.*\$", re.DOTALL)


def adapt_schema(raw: Raw, steps: tuple[SchemaStep, ...]) -> tuple[Raw, list[str]]:
    """Returns the adapted schema and the keywords it lost, each named once."""
    lost: list[str] = []
    try:
        schema = msgspec.json.decode(raw)
        if not steps or type(schema) is not dict:
            return raw, []
        for step in steps:
            schema = _STEPS[step](schema, lost)
        return Raw(msgspec.json.encode(schema)), list(dict.fromkeys(lost))
    except RecursionError:  # references nested in references; the upstream may read what this cannot
        return raw, ["its depth"]


def _walk(value: Any, change: Callable[[Schema], Schema]) -> Any:
    """Returns `value` with `change` applied to every schema inside `value`, the innermost first."""
    if type(value) is not dict:
        return value
    out: Schema = {}
    for name, inner in value.items():
        if name in _MAPS and type(inner) is dict:
            out[name] = {key: _walk(member, change) for key, member in inner.items()}
        elif type(inner) is list and (name in _LISTS or name == "items"):
            out[name] = [_walk(member, change) for member in inner]
        elif name in _SINGLES:
            out[name] = _walk(inner, change)
        else:
            out[name] = inner
    return change(out)


def _no_meta(schema: Schema, lost: list[str]) -> Schema:
    return {name: value for name, value in schema.items() if name not in _META}


def _object_root(schema: Schema, lost: list[str]) -> Schema:
    if "type" in schema or any(name in schema for name in _BRANCHES):
        return schema
    return {"type": "object", **schema}


def _inline_refs(schema: Schema, lost: list[str]) -> Schema:
    definitions = {
        f"#/{place}/{name}": body
        for place in ("$defs", "definitions")
        if type(schema.get(place)) is dict
        for name, body in schema[place].items()
    }
    bare = {name: value for name, value in schema.items() if name not in ("$defs", "definitions")}
    inlined = _Inliner(definitions, lost).inline(bare, ())
    return inlined if type(inlined) is dict else bare


class _Inliner:
    def __init__(self, definitions: dict[str, Any], lost: list[str]) -> None:
        self._definitions = definitions
        self._lost = lost
        self._copied = 0

    def inline(self, value: Any, within: tuple[str, ...]) -> Any:
        if within:
            self._copied += 1
        if type(value) is list:
            return [self.inline(member, within) for member in value]
        if type(value) is not dict:
            return value
        reference = value.get("$ref")
        if type(reference) is not str:
            return {name: self.inline(member, within) for name, member in value.items()}
        beside = {name: self.inline(member, within) for name, member in value.items() if name != "$ref"}
        body = self._definitions.get(reference)
        if body is None or reference in within or self._copied > MAX_COPIED or len(within) > _MAX_DEPTH:
            # A definition inside itself has no finite form: any value may stand there.
            self._lost.append("$ref")
            return _note(beside, f"a value like {reference.rsplit('/', 1)[-1]}")
        inlined = self.inline(body, (*within, reference))
        return {**inlined, **beside} if type(inlined) is dict else beside


def _type_in_branches(schema: Schema, lost: list[str]) -> Schema:
    return dict(_walk(schema, _push_type))


def _push_type(schema: Schema) -> Schema:
    place = next((name for name in _BRANCHES if type(schema.get(name)) is list), None)
    if place is None or "type" not in schema:
        return schema
    out = {name: value for name, value in schema.items() if name != "type"}
    out[place] = [
        {"type": schema["type"], **branch} if type(branch) is dict and "$ref" not in branch else branch
        for branch in schema[place]
    ]
    return out


def _prefix_items(schema: Schema, lost: list[str]) -> Schema:
    def rename(inner: Schema) -> Schema:
        if type(inner.get("items")) is not list:
            return inner
        return {("prefixItems" if name == "items" else name): value for name, value in inner.items()}

    return dict(_walk(schema, rename))


def _open_objects(schema: Schema, lost: list[str]) -> Schema:
    def without_bar(inner: Schema) -> Schema:
        if inner.get("additionalProperties") is not False:
            return inner
        return {name: value for name, value in inner.items() if name != "additionalProperties"}

    return dict(_walk(schema, without_bar))


def _gemini_keywords(schema: Schema, lost: list[str]) -> Schema:
    return dict(_walk(schema, lambda inner: _for_gemini(inner, lost)))


def _for_gemini(schema: Schema, lost: list[str]) -> Schema:
    out: Schema = {}
    notes: list[str] = []
    for name, value in _renamed_for_gemini(schema):
        if name in _GEMINI:
            out[name] = value
        elif name not in _META and not (name == "additionalProperties" and value in (True, False)):
            lost.append(name)
            notes.append(f"{name}: {msgspec.json.encode(value).decode()}")
    return _note(out, *notes)


def _renamed_for_gemini(schema: Schema) -> Iterator[tuple[str, Any]]:
    for name, value in schema.items():
        if name == "const":
            yield "enum", [value]
        elif name == "oneOf" and "anyOf" not in schema:
            yield "anyOf", value
        elif name == "type" and type(value) is list:
            named = [kind for kind in value if kind != "null"]
            if len(named) == 1:
                yield "type", named[0]
            else:
                yield "anyOf", [{"type": kind} for kind in named]
            if "null" in value:
                yield "nullable", True
        else:
            yield name, value


def _grammar_keywords(schema: Schema, lost: list[str]) -> Schema:
    """Takes out patterns that may match in the middle of a text: llama.cpp turns schemas into grammars without such."""

    def without_loose_pattern(inner: Schema) -> Schema:
        pattern = inner.get("pattern")
        if type(pattern) is not str or _ANCHORED.fullmatch(pattern):
            return inner
        lost.append("pattern")
        return _note({name: value for name, value in inner.items() if name != "pattern"}, f"pattern: {pattern}")

    return dict(_walk(schema, without_loose_pattern))


def _note(schema: Schema, *notes: str) -> Schema:
    if not notes:
        return schema
    said = schema.get("description")
    text = f"({'; '.join(notes)})"
    return {**schema, "description": f"{said} {text}" if type(said) is str and said else text}


_STEPS: dict[SchemaStep, Callable[[Schema, list[str]], Schema]] = {
    "no_meta": _no_meta,
    "inline_refs": _inline_refs,
    "object_root": _object_root,
    "type_in_branches": _type_in_branches,
    "prefix_items": _prefix_items,
    "open_objects": _open_objects,
    "gemini_keywords": _gemini_keywords,
    "grammar_keywords": _grammar_keywords,
}
