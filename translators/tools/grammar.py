"""`Grammar`: what the input of a custom tool must look like, and `Grammar.problem(text)`, which checks it.

The syntax `lark` is a subset of Lark's own. What Lark cannot load is not checked (`loadable`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from translators.tools.grammar_check import Checker


class Grammar(Struct, frozen=True):
    syntax: Literal["lark", "regex"]
    definition: str

    @property
    def loadable(self) -> bool:
        return _checker(self) is not None

    def problem(self, text: str) -> str | None:
        """What is wrong with `text`, for the model to read, or None."""
        checker = _checker(self)
        return None if checker is None else checker.problem(text)


@lru_cache(maxsize=64)
def _checker(grammar: Grammar) -> Checker | None:
    # Imported here: most processes never see a grammar, and its libraries take a tenth of a second to load.
    from translators.tools.grammar_check import create_checker

    return create_checker(grammar.syntax, grammar.definition)
