"""Grammars and patterns of custom tools: whether one can be read, and what is wrong with inputs by it.

The head of a job is `{"syntax": "lark" or "regex", "texts": […]}`, its body the definition; of an answer, `problems`
are what is wrong with each text, in words for the model, or null, and null itself where one takes too long. Instead
of it there may be `fault`, why the definition is refused, or `unreadable`: its library cannot read it, which says
nothing of what others can.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from typing import Any, Protocol

import lark
import regex
from lark.exceptions import LarkError, UnexpectedInput

# Earley takes more than linear time, in Python; what is longer has LALR's word only.
_EARLEY_LIMIT = 1_000
# A pattern may take for ever: where one takes so long, nothing is known of the text.
_REGEX_SECONDS = 0.5
_PROBLEM_LIMIT = 600
# Lark refuses terminals that may be empty: an atom repeated with `*`, as in /(.*)/, is an optional one with `+`.
_STRING_OR_REGEX = re.compile(
    r"""//[^\n]*|"(?:[^"\\\n]|\\.)*"i?|/(?P<open>\(?)(?P<atom>\.|\[(?:[^\]\\]|\\.)+\]|\\[^\d])\*(?P<close>\)?)/(?P<flags>[imslux]*)"""
    r"""|/(?:[^/\\\n]|\\.)+/[imslux]*"""
)


_IMPORTED = re.compile(
    r"^\s*%import\s+(?P<from>[\w.]+?)\s*(?:\.(?P<name>\w+)\s*(?:->|$)|\((?P<names>[^)]*)\))", re.MULTILINE
)
_DEFINED = re.compile(r"^_?[A-Z][A-Z0-9_]*(?=[.:\d ])", re.MULTILINE)


class Refused(Exception):
    """A definition that may not be used, in words for whoever wrote it."""


class TooSlow(Exception):
    """A pattern that takes for ever on this text."""


class Checker(Protocol):
    def problem(self, text: str) -> str | None:
        """Raises TooSlow."""
        ...


class _RegexChecker:
    def __init__(self, definition: str) -> None:
        self._pattern = regex.compile(definition)

    def problem(self, text: str) -> str | None:
        try:
            if self._pattern.fullmatch(text, timeout=_REGEX_SECONDS) is not None:
                return None
            partial = self._pattern.fullmatch(text, partial=True, timeout=_REGEX_SECONDS)
        except TimeoutError:
            raise TooSlow from None
        return "It ends too early." if partial is not None else "It does not match the pattern."


class _LarkChecker:
    """LALR is fast and never wrong when it accepts; where it refuses, or cannot be made, Earley decides."""

    def __init__(self, definition: str) -> None:
        self._definition = _without_empty_terminals(definition)
        try:
            self._lalr: lark.Lark | None = self._parser("lalr", "contextual")
        except LarkError:
            self._lalr = None
            self._load_earley()

    def _load_earley(self) -> None:
        """Raises LarkError for what is no grammar at all."""
        _ = self._earley

    @cached_property
    def _earley(self) -> lark.Lark:
        return self._parser("earley", "dynamic_complete")

    def _parser(self, parser: str, lexer: str) -> lark.Lark:
        return lark.Lark(self._definition, parser=parser, lexer=lexer, import_paths=[_only_common])

    def problem(self, text: str) -> str | None:
        found = None if self._lalr is None else _parse(self._lalr, text)
        if len(text) > _EARLEY_LIMIT or (self._lalr is not None and found is None):
            return found
        return _parse(self._earley, text)


def _parse(parser: lark.Lark, text: str) -> str | None:
    try:
        parser.parse(text)
    except UnexpectedInput as error:
        return str(error)[:_PROBLEM_LIMIT].strip()
    except (LarkError, RecursionError) as error:
        return str(error)[:_PROBLEM_LIMIT]
    return None


def _without_empty_terminals(definition: str) -> str:
    def rewritten(match: re.Match[str]) -> str:
        if match["atom"] is None:
            return match[0]
        return f"(/{match['open']}{match['atom']}+{match['close']}/{match['flags']})?"

    return _STRING_OR_REGEX.sub(rewritten, definition)


def _only_common(base: str | None, path: str) -> tuple[str, str]:
    """What Lark asks before it looks for a file by itself. It would find any that this process can read."""
    if path != "common.lark" or base is not None:
        raise Refused(f"it imports {path.removesuffix('.lark')[:100]!r}, and only names of 'common' can be imported")
    raise FileNotFoundError(path)  # it looks among its own then


def _check_imports(definition: str) -> None:
    """Raises Refused for a name that `common` does not have: Lark minds only where it is used."""
    known = set(_DEFINED.findall(lark.load_grammar.stdlib_loader(None, "common.lark")[1]))
    for found in (found for found in _IMPORTED.finditer(definition) if found["from"] == "common"):
        for name in (found["name"] or found["names"] or "").split(","):
            if name.strip() and name.strip() not in known:
                raise Refused(f"it imports {name.strip()[:100]!r}, which 'common' does not have")


@lru_cache(maxsize=32)
def create_checker(syntax: str, definition: str) -> Checker | None:
    """None for a definition that its library cannot load. Raises Refused."""
    if syntax == "lark":
        _check_imports(definition)
    try:
        return (_LarkChecker if syntax == "lark" else _RegexChecker)(definition)
    except (LarkError, regex.error, re.error, RecursionError):
        return None


def run(head: dict[str, Any], body: bytes) -> dict[str, Any]:
    try:
        checker = create_checker(head["syntax"], body.decode())
    except Refused as refused:
        return {"fault": str(refused)}
    if checker is None:
        return {"unreadable": True}
    try:
        return {"problems": [checker.problem(text) for text in head["texts"]]}
    except TooSlow:
        return {"problems": None}
