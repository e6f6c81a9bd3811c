"""YAML text → a tree of `Scalar`, `Table` and `Listing`, each knowing its line.

`${NAME}`, `${NAME:-default}` and `$$` are expanded here, in string values only. What cannot stand in a configuration
(a repeated key, an alias to itself, a date, a value that is no JSON) is reported and left out of the tree.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import yaml
from msgspec import Struct

from proxy.config.expand import expand
from proxy.config.problems import Path, Report

MAX_VALUES = 100_000  # aliases let a few lines of YAML stand for billions

_STRING = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
_SCALARS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "int", "null", "str"))
_COLLECTIONS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("map", "seq"))
_TAG_MESSAGE = "YAML tags other than those of JSON have no meaning here (text that begins with ! needs quotes)"
# A piece of the file in a message of PyYAML, where it is longer than a mark of punctuation: it may be a secret.
_QUOTED = re.compile(r"""'[^']{5,}'|"[^"]{5,}\"""")


class Scalar(Struct, frozen=True):
    value: str | int | float | bool | None
    from_environment: bool = False

    def plain(self) -> Any:
        return self.value


class Table(Struct, frozen=True):
    entries: dict[str, Node]

    def plain(self) -> Any:
        return {key: node.plain() for key, node in self.entries.items()}


class Listing(Struct, frozen=True):
    items: tuple[Node, ...]

    def plain(self) -> Any:
        return [node.plain() for node in self.items]


Node = Scalar | Table | Listing


class _Loader(yaml.SafeLoader):
    """YAML without dates: `2024-08-06` is text here."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class-level table
        first: [(tag, regexp) for tag, regexp in resolvers if tag in _SCALARS or tag == _MERGE]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def parse_document(text: bytes, environ: Mapping[str, str], report: Report) -> Node | None:
    """The tree of a file, or None where nothing can be made of it; what is wrong is in the report."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is not None:
            return _Builder(loader, environ, report).build(root, (), root.start_mark.line + 1)
        report.add_at(None, (), "the file is empty: it needs `upstreams` and `models`")
    except yaml.reader.ReaderError as error:
        report.add_at(None, (), f"not readable as YAML text: {error.reason} (byte {error.position})")
    except yaml.MarkedYAMLError as error:
        report.add_at(_line_of(error), (), _syntax_message(error))
    except (_TooManyValues, RecursionError):
        report.add_at(None, (), "too large or too deeply nested for a configuration")
    return None


def _line_of(error: yaml.MarkedYAMLError) -> int | None:
    mark = error.problem_mark or error.context_mark
    return None if mark is None else mark.line + 1


def _syntax_message(error: yaml.MarkedYAMLError) -> str:
    told = " ".join(part for part in (error.context, error.problem) if part)
    hint = " (text that begins with * needs quotes)" if "alias" in told else ""
    return f"YAML syntax: {_QUOTED.sub('…', told)}{hint}"


def _is_unicode(text: str) -> bool:
    """Returns whether a text is free of halves of characters, which no JSON can carry.

    Escapes in YAML can give them, and bytes in the environment.
    """
    return not any("\ud800" <= character <= "\udfff" for character in text)


class _TooManyValues(Exception):
    """A file stands for more values than `MAX_VALUES`, by aliases that repeat one another."""


class _Builder:
    """Each `_` method gives the tree of a node or raises ValueError; `build` reports that with its place."""

    def __init__(self, loader: _Loader, environ: Mapping[str, str], report: Report) -> None:
        self._loader = loader
        self._environ = environ
        self._report = report
        self._open: list[yaml.Node] = []
        self._values = 0

    def build(self, node: yaml.Node, path: Path, line: int) -> Node | None:
        """The node's tree, or None where the node itself is faulty."""
        self._report.place(path, line)
        self._count_value()
        self._open.append(node)
        try:
            return self._read(node, path)
        except ValueError as error:
            self._report.add_at(line, path, str(error))
            return None
        finally:
            self._open.pop()

    def _count_value(self) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            raise _TooManyValues

    def _read(self, node: yaml.Node, path: Path) -> Node | None:
        if node in self._open[:-1]:
            raise ValueError("an alias to a value that it is itself part of")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if node.tag not in _COLLECTIONS:
            raise ValueError(_TAG_MESSAGE)
        if isinstance(node, yaml.MappingNode):
            return self._table(node, path)
        built = [self.build(item, (*path, at), item.start_mark.line + 1) for at, item in enumerate(node.value)]
        items = tuple(item for item in built if item is not None)
        return Listing(items) if len(items) == len(built) else None

    def _table(self, node: yaml.MappingNode, path: Path) -> Table:
        entries: dict[str, Node] = {}
        first_lines: dict[str, int] = {}
        for key, value in self._pairs(node):
            line = key.start_mark.line + 1
            if key.value in first_lines:
                told = f"repeats the key of line {first_lines[key.value]}"
                self._report.add_at(line, (*path, key.value), told)
                continue
            first_lines[key.value] = line
            built = self.build(value, (*path, key.value), line)
            if built is not None:
                entries[key.value] = built
        return Table(entries)

    def _pairs(self, node: yaml.MappingNode) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
        """The entries of a mapping; those that `<<` brings stand behind its own, which win."""
        self._count_value()
        if not all(isinstance(key, yaml.ScalarNode) and _is_unicode(key.value) for key, _ in node.value):
            raise ValueError("a key must be plain text")
        pairs = [(key, value) for key, value in node.value if key.tag != _MERGE]
        taken = {key.value for key, _ in pairs}
        for key, value in node.value:
            if key.tag == _MERGE:
                for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    if not isinstance(source, yaml.MappingNode):
                        raise ValueError("`<<` takes a mapping or a list of mappings")
                    merged = [pair for pair in self._pairs(source) if pair[0].value not in taken]
                    pairs += merged
                    taken |= {key.value for key, _ in merged}
        return pairs

    def _scalar(self, node: yaml.ScalarNode) -> Scalar:
        if node.tag == _STRING:
            text, from_environment = expand(node.value, self._environ)
            if not _is_unicode(text):
                raise ValueError("must be Unicode text")
            return Scalar(text, from_environment)
        if node.tag not in _SCALARS:
            raise ValueError(_TAG_MESSAGE)
        implied = self._loader.resolve(yaml.ScalarNode, node.value, (True, False))  # type: ignore[no-untyped-call]
        if implied != node.tag:
            raise ValueError("is not written as its YAML tag asks")
        value = self._loader.construct_object(node)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("must be a finite number")
        return Scalar(value)
