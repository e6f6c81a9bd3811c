"""Checkers of the two syntaxes of `Grammar`, over lark and regex; `create_checker` makes one.

Nothing imports this before the first grammar comes: the two libraries take a tenth of a second to load.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Literal, Protocol

import lark
import regex
from lark.exceptions import LarkError, UnexpectedInput

# Earley takes more than linear time, in Python; what is longer has LALR's word only.
_EARLEY_LIMIT = 1_000
# A pattern may take for ever; one that takes so long checks nothing.
_REGEX_SECONDS = 0.5
_PROBLEM_LIMIT = 600
# Lark refuses terminals that may be empty: an atom repeated with `*`, as in /(.*)/, is an optional one with `+`.
_STRING_OR_REGEX = re.compile(
    r"""//[^\n]*|"(?:[^"\\\n]|\\.)*"i?|/(?P<open>\(?)(?P<atom>\.|\[(?:[^\]\\]|\\.)+\]|\\[^\d])\*(?P<close>\)?)/(?P<flags>[imslux]*)"""
    r"""|/(?:[^/\\\n]|\\.)+/[imslux]*"""
)


class Checker(Protocol):
    def problem(self, text: str) -> str | None: ...


class _RegexChecker:
    def __init__(self, definition: str) -> None:
        self._pattern = regex.compile(definition)

    def problem(self, text: str) -> str | None:
        try:
            if self._pattern.fullmatch(text, timeout=_REGEX_SECONDS) is not None:
                return None
            partial = self._pattern.fullmatch(text, partial=True, timeout=_REGEX_SECONDS)
        except TimeoutError:
            return None
        return "It ends too early." if partial is not None else "It does not match the pattern."


class _LarkChecker:
    """LALR is fast and never wrong when it accepts; where it refuses, or cannot be made, Earley decides."""

    def __init__(self, definition: str) -> None:
        self._definition = _without_empty_terminals(definition)
        try:
            self._lalr: lark.Lark | None = lark.Lark(self._definition, parser="lalr", lexer="contextual")
        except LarkError:
            self._lalr = None
            self._load_earley()

    def _load_earley(self) -> None:
        """Raises LarkError for what is no grammar at all."""
        _ = self._earley

    @cached_property
    def _earley(self) -> lark.Lark:
        return lark.Lark(self._definition, parser="earley", lexer="dynamic_complete")

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


def create_checker(syntax: Literal["lark", "regex"], definition: str) -> Checker | None:
    """None for a definition that its library cannot load."""
    try:
        return (_LarkChecker if syntax == "lark" else _RegexChecker)(definition)
    except (LarkError, regex.error, re.error, RecursionError):
        return None
