"""`preset(name, facts(…), hosts=…, listed=…, models=…)`: what one backend does otherwise than the generic one.

`facts` and `when` take what `Dialect` takes, and the type checker holds them to that. Each preset says in its module
where its facts are from: pages, threads, source code and recordings, or that a fact is recalled and was not read again.

`hosts` are fnmatch patterns of its public host names, or `:port` where a local server has a port of its own.
`listed` is how its list of models tells that it is the one, where a host says nothing.
`models` are facts that hold for some of its models only: a pattern searched for in the lower-case model name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

import msgspec
from msgspec import Struct

from translators.dialects.choices import choices_of
from translators.dialects.dialect import Dialect
from translators.dialects.listed import Listed

Facts = dict[str, Any]
P = ParamSpec("P")

_TYPES: Facts = {field.name: field.type for field in msgspec.structs.fields(Dialect) if field.name != "name"}


class ModelRule(Struct, frozen=True):
    """Facts for the models whose lower-case name holds a match of `pattern`."""

    pattern: str
    facts: Facts

    def matches(self, model: str) -> bool:
        return re.search(self.pattern, model.lower()) is not None


class Preset(Struct, frozen=True):
    name: str
    hosts: tuple[str, ...]
    facts: Facts
    models: tuple[ModelRule, ...]
    listed: Listed | None = None


def preset(
    name: str,
    given: Facts | None = None,
    *,
    like: Preset | None = None,
    hosts: tuple[str, ...] = (),
    listed: Listed | None = None,
    models: tuple[ModelRule, ...] = (),
) -> Preset:
    """Makes a preset; `like` gives the facts and model rules to begin with."""
    found = given or {}
    if like is not None:
        found, models = {**like.facts, **found}, (*like.models, *models)
    return Preset(name, hosts, found, models, listed)


def _facts_of(dialect: Callable[P, Dialect]) -> Callable[P, Facts]:
    """Makes a function that takes what `dialect` takes, and returns only what it was given."""

    def given(*args: P.args, **kwargs: P.kwargs) -> Facts:
        return kwargs

    return given


def _rule_of(dialect: Callable[P, Dialect]) -> Callable[Concatenate[str, P], ModelRule]:
    """Makes a function that takes a pattern and what `dialect` takes, and returns the facts as a rule."""

    def rule(pattern: str, /, *args: P.args, **kwargs: P.kwargs) -> ModelRule:
        return ModelRule(pattern, kwargs)

    return rule


facts = _facts_of(Dialect)
"""Facts by their names, each checked against its field of `Dialect`."""
when = _rule_of(Dialect)
"""`when(pattern, …)`: facts of the models whose lower-case name holds a match of the pattern."""


def read_facts(facts: Facts) -> Facts:
    """Returns the facts in the types of `Dialect`. Raises ValueError for one that is unknown or has no such value."""
    return {name: read_fact(name, value) for name, value in facts.items()}


def read_fact(name: str, value: Any) -> Any:
    """Reads one fact from plain data, as configuration has it.

    Raises ValueError for one that is unknown or has no such value, with the words that it may have.
    """
    if name not in _TYPES:
        raise ValueError(f"no fact of a dialect is named {name}")
    plain = sorted(value) if isinstance(value, frozenset) else value
    try:
        return msgspec.convert(plain, _TYPES[name])
    except msgspec.ValidationError as error:
        choices = choices_of(_TYPES[name]) if "enum" in str(error) else []
        raise ValueError(f"expected one of {', '.join(choices)}" if choices else str(error)) from None


FACTS = frozenset(_TYPES)
