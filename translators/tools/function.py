"""`function` tools: offered as they are, in the flat form or in the nested form of Chat Completions."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from translators.decode import decode_as, is_null, is_object, is_string
from translators.errors import InvalidRequest
from translators.report import Report
from translators.schema import chat
from translators.schema.responses import NULL
from translators.tools.map import ToolName
from translators.tools.tool import Offering, Tool

NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')
_OBJECT = Raw(b'"object"')
_NO_PROPERTIES = Raw(b"{}")
# The keywords under which a schema holds schemas by name: a key there is a name, not a keyword.
_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})


class FunctionEcho(Struct, tag_field="type", tag="function"):
    name: str
    description: str | None
    parameters: Raw
    strict: bool | None
    defer_loading: bool | UnsetType = UNSET


class FunctionFields(Struct, kw_only=True):
    name: str | None = None
    description: str | None = None
    parameters: Raw = NULL
    strict: bool | None = None
    defer_loading: bool | None = None


class FunctionTool(Tool):
    name: str | None = None
    description: str | None = None
    parameters: Raw = NULL
    strict: bool | None = None
    defer_loading: bool | None = None
    function: FunctionFields | None = None

    nests = True

    def declare(self, into: Offering, at: str) -> FunctionEcho:
        return self._declare(into, at, None)

    def declare_member(self, into: Offering, at: str, namespace: str, description: str | None) -> None:
        if not into.defers(self.defer_loading, namespace, description):
            self._declare(into, at, namespace)

    def _declare(self, into: Offering, at: str, namespace: str | None) -> FunctionEcho:
        fields: FunctionTool | FunctionFields = self if self.function is None else self.function
        where = at if self.function is None else f"{at}.function"
        name = required_name(fields.name, where)
        tool = ToolName(name, namespace)
        if not into.defers(fields.defer_loading, name, fields.description):
            self._offer(into, where, tool, fields)
        return FunctionEcho(
            name,
            fields.description,
            fields.parameters,
            fields.strict,
            UNSET if fields.defer_loading is None else fields.defer_loading,
        )

    @staticmethod
    def _offer(into: Offering, at: str, tool: ToolName, fields: FunctionTool | FunctionFields) -> None:
        function = chat.Function(
            tool.name,
            UNSET if fields.description is None else fields.description,
            read_schema(fields.parameters, f"{at}.parameters", into.report),
        )
        if _is_marked(fields.parameters):
            into.tools.marked_encrypted.add(tool)
        if fields.strict is not None:
            if into.dialect.strict_tools:
                function.strict = fields.strict
            elif fields.strict:
                into.report.ignored(f"{at}.strict", "the upstream does not enforce strict tools")
        into.offer(function, tool, at)


def required_name(name: str | None, at: str) -> str:
    if not name:
        param = f"{at}.name"
        raise InvalidRequest(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
    return name


def read_schema(raw: Raw, at: str, report: Report) -> Raw:
    """Returns parameters as a Chat server takes them: an object with properties, without Codex's marks of encryption
    (decolua/9router#1758). OpenAI and strict gateways refuse any other, and VS Code sends `{}` itself
    (microsoft/vscode#330662).
    """
    if is_null(raw):
        return NO_PARAMETERS
    fields = decode_as(dict[str, Raw], raw, at)
    if b'"encrypted"' in bytes(raw):
        raw = Raw(msgspec.json.encode(_without_marks(msgspec.json.decode(raw))))
        fields = decode_as(dict[str, Raw], raw, at)
    is_whole = fields.get("type") == _OBJECT and is_object(fields.get("properties", NULL))
    if is_whole and not any(map(is_null, fields.values())):
        return raw
    fields = _root_behind_reference(fields)
    for name, kind in (("type", _is_object_type), ("properties", is_object)):
        value = fields.get(name, NULL)
        if not is_null(value) and not kind(value):
            report.changed(f"{at}.{name}", "parameters are an object with properties")
            del fields[name]
    kept = {name: value for name, value in fields.items() if not is_null(value)}
    return Raw(msgspec.json.encode({"type": _OBJECT, "properties": _NO_PROPERTIES, **kept} | {"type": _OBJECT}))


def _root_behind_reference(fields: dict[str, Raw]) -> dict[str, Raw]:
    """Returns the fields with those of the definition that the root refers to, which would otherwise hide behind empty
    ones.
    """
    reference = fields.get("$ref", NULL)
    if not is_string(reference):
        return fields
    place, _, name = decode_as(str, reference).removeprefix("#/").partition("/")
    definitions = fields.get(place, NULL)
    body = decode_as(dict[str, Raw], definitions).get(name, NULL) if is_object(definitions) else NULL
    if not is_object(body):
        return fields
    return {**decode_as(dict[str, Raw], body), **{key: value for key, value in fields.items() if key != "$ref"}}


def _is_object_type(raw: Raw) -> bool:
    """Tells whether `type` names objects, alone or among others."""
    return b'"object"' in bytes(raw)


def _is_marked(raw: Raw) -> bool:
    """Tells whether a parameter is marked as one whose argument OpenAI encrypts."""
    return b'"encrypted"' in bytes(raw) and _holds_mark(msgspec.json.decode(raw))


def _holds_mark(schema: Any) -> bool:
    if type(schema) is list:
        return any(map(_holds_mark, schema))
    if type(schema) is not dict:
        return False
    return any(
        any(map(_holds_mark, value.values()))
        if key in _BY_NAME and type(value) is dict
        else (key == "encrypted" and value is True) or _holds_mark(value)
        for key, value in schema.items()
    )


def _without_marks(schema: Any) -> Any:
    if type(schema) is list:
        return [_without_marks(member) for member in schema]
    if type(schema) is not dict:
        return schema
    return {
        key: {name: _without_marks(inner) for name, inner in value.items()}
        if key in _BY_NAME and type(value) is dict
        else _without_marks(value)
        for key, value in schema.items()
        if not (key == "encrypted" and type(value) is bool)
    }
