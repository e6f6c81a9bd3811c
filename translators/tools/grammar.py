"""`Grammar`: what the input of a custom tool must look like; `InputCheck`: what has to be found out of an input.

A grammar may take for ever to load and to try, so that neither is done here. Whoever drives the translation settles
the grammars of a request (`settle`), and answers the checks of a stream (`ResponseStream.checks`).
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from translators.errors import InvalidRequest

MAX_GRAMMARS = 64
"""How many tools of one request may have a grammar. Codex sends one or two."""
MAX_GRAMMAR_BYTES = 64 << 10
"""The longest Lark grammar. Those of whole programming languages have 10 to 30 KB; Codex's has 600 bytes."""
MAX_RULES = 1_000
"""The most rules and terminals of one: what has so many takes a second to load."""
MAX_PATTERN_BYTES = 8 << 10
"""The longest regular expression."""

_RULE = re.compile(r"^[ \t]*[?!]{0,2}_?[A-Za-z]\w*[ \t]*(?:\{[^}\n]*\})?[ \t]*(?:\.-?\d+)?[ \t]*:", re.MULTILINE)


class Grammar(Struct, frozen=True):
    """`at` is the object of the request that holds the definition."""

    syntax: Literal["lark", "regex"]
    definition: str
    at: str = ""

    @property
    def param(self) -> str:
        return f"{self.at}.definition"

    def check_size(self) -> None:
        """Raises InvalidRequest for a grammar over one of the limits of this module, which it names."""
        name, limit = ("grammar", MAX_GRAMMAR_BYTES) if self.syntax == "lark" else ("pattern", MAX_PATTERN_BYTES)
        if len(self.definition) > limit or len(self.definition.encode("utf-8", "replace")) > limit:
            raise self.refusal(f"the {name} is longer than {limit} bytes")
        if self.syntax == "lark" and sum(1 for _ in _RULE.finditer(self.definition)) > MAX_RULES:
            raise self.refusal(f"the grammar has more than {MAX_RULES} rules")

    def refusal(self, reason: str) -> InvalidRequest:
        return InvalidRequest(f"Invalid value for '{self.param}': {reason}.", param=self.param, code="invalid_value")


class InputCheck(Struct, frozen=True):
    """Ways to read the input that a model gave a tool: what is wrong with each of them, by the grammar?"""

    grammar: Grammar
    readings: tuple[str, ...]
