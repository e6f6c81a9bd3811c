"""A tree → the struct an annotation names, with every problem reported instead of the first.

msgspec converts the single values; this walks the structs, maps and lists around them. What is faulty becomes
`UNSET` and is left out, so that the rest can still be read and checked.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Container, Iterator
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import UNSET, Struct

from proxy.config.problems import Path, Report
from proxy.config.secret import Secret
from proxy.config.source import Listing, Node, Scalar, Table
from translators.dialects.choices import choices_of


def decode(node: Node, annotation: Any, path: Path, report: Report) -> Any:
    """The value that `node` gives for `annotation`, or UNSET."""
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return _struct(node, annotation, path, report)
    origin = get_origin(annotation)
    read = _CONTAINERS.get(origin, _leaf)
    return read(node, annotation, path, report)


def _struct(node: Node, cls: type[Struct], path: Path, report: Report) -> Any:
    entries = _entries(node, path, report)
    if entries is None:
        return UNSET
    fields = {field.name: field for field in msgspec.structs.fields(cls)}
    for key in entries:
        if key not in fields:
            _unknown_key(key, entries, list(fields), path, report)
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in entries:
            values[name] = decode(entries[name], field.type, (*path, name), report)
        elif field.required:
            report.add((*path, name), "is required")
            values[name] = UNSET
    if any(field.required and values[name] is UNSET for name, field in fields.items()):
        return UNSET
    return cls(**{name: value for name, value in values.items() if value is not UNSET})


def _unknown_key(key: str, entries: Container[str], known: list[str], path: Path, report: Report) -> None:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
    report.add((*path, key), f"unknown key ({hint})")
    if close and close[0] not in entries:
        report.spoil((*path, close[0]))  # that it is missing need not be told


def _map(node: Node, annotation: Any, path: Path, report: Report) -> Any:
    key_type, value_type = get_args(annotation)
    entries = _entries(node, path, report)
    if entries is None:
        return UNSET
    decoded: dict[str, Any] = {}
    for name, child in entries.items():
        at = (*path, name)
        key = _leaf(Scalar(name), key_type, at, report)
        value = decode(child, value_type, at, report)
        if key in decoded:
            report.add(at, "differs from a key before it in upper and lower case only")
        elif key is not UNSET and value is not UNSET:
            decoded[key] = value
    return decoded


def _entries(node: Node, path: Path, report: Report) -> dict[str, Node] | None:
    """The entries of a mapping; a key with nothing behind it, all its settings commented out, is an empty one."""
    if isinstance(node, Table):
        return node.entries
    if node == Scalar(None):
        return {}
    report.add(path, f"expected a mapping of settings, got {_kind(node)}")
    return None


def _tuple(node: Node, annotation: Any, path: Path, report: Report) -> Any:
    if node == Scalar(None):
        return ()
    if not isinstance(node, Listing):
        report.add(path, f"expected a list, got {_kind(node)}")
        return UNSET
    item_type = get_args(annotation)[0]
    items = [decode(item, item_type, (*path, index), report) for index, item in enumerate(node.items)]
    return tuple(item for item in items if item is not UNSET)


_CONTAINERS: dict[Any, Callable[[Node, Any, Path, Report], Any]] = {dict: _map, tuple: _tuple}


def _leaf(node: Node, annotation: Any, path: Path, report: Report) -> Any:
    # A variable's value is always text: `port: ${PORT}` has to be a number all the same.
    strict = not (isinstance(node, Scalar) and node.from_environment)
    try:
        return convert(node.plain(), annotation, strict=strict)
    except ValueError as error:
        report.add(path, str(error))
        return UNSET


def convert(value: Any, annotation: Any, *, strict: bool) -> Any:
    """One value as `annotation` wants it, checked. Raises ValueError with what to tell."""
    try:
        converted = msgspec.convert(value, annotation, strict=strict, dec_hook=_secret)
    except msgspec.ValidationError as error:
        raise ValueError(_message(value, annotation, str(error))) from None
    if converted is not None:
        for check in _checks(annotation):
            converted = check(converted)
    return converted


def _message(value: Any, annotation: Any, told: str) -> str:
    choices = choices_of(annotation)
    if choices:
        many = "a list of any of" if isinstance(value, list) or "array" in told else "one of"
        return f"expected {many} {', '.join(choices)}"
    hint = "; put it in quotes" if "`str`, got" in told and isinstance(value, int | float) else ""
    return told[:1].lower() + told[1:].replace("`", "") + hint


def _secret(_type: type, value: object) -> Secret:
    if not isinstance(value, str):
        raise TypeError(f"Expected `str`, got `{type(value).__name__}`")
    return Secret(value)


def _checks(annotation: Any) -> Iterator[Callable[[Any], Any]]:
    for part in _parts(annotation):
        if get_origin(part) is Annotated:
            yield from filter(callable, part.__metadata__)


def _parts(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the annotation itself."""
    return (annotation,) if get_origin(annotation) in (None, Annotated, Literal) else get_args(annotation)


def _kind(node: Node) -> str:
    match node:
        case Table():
            return "a mapping"
        case Listing():
            return "a list"
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=str()):
            return "text"
        case Scalar(value=bool()):
            return "true or false"
    return "a number"
