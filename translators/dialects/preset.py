"""`preset(name, hosts=…, listed=…, models=…, **facts)`: what one backend does otherwise than the generic one.

`hosts` are fnmatch patterns of its public host names, or `:port` where a local server has a port of its own.
`listed` is how its list of models tells that it is the one, where a host says nothing.
`models` are facts that hold for some of its models only: a pattern searched for in the lower-case model name.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Struct

from translators.dialects.choices import choices_of
from translators.dialects.dialect import Dialect
from translators.dialects.listed import Listed

Facts = dict[str, Any]

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
    *,
    like: Preset | None = None,
    hosts: tuple[str, ...] = (),
    listed: Listed | None = None,
    models: tuple[ModelRule, ...] = (),
    **facts: Any,
) -> Preset:
    """`like` gives the facts and model rules to begin with. Raises ValueError for what is no fact."""
    if like is not None:
        facts, models = {**like.facts, **facts}, (*like.models, *models)
    return Preset(name, hosts, read_facts(facts), models, listed)


def when(pattern: str, **facts: Any) -> ModelRule:
    return ModelRule(pattern, read_facts(facts))


def read_facts(facts: Facts) -> Facts:
    """The facts in the types of `Dialect`. Raises ValueError for one that is unknown or has no such value."""
    return {name: read_fact(name, value) for name, value in facts.items()}


def read_fact(name: str, value: Any) -> Any:
    """One fact from plain data, as configuration has it. Raises ValueError."""
    if name not in _TYPES:
        raise ValueError(f"no fact of a dialect is named {name}")
    plain = sorted(value) if isinstance(value, frozenset) else value
    try:
        return msgspec.convert(plain, _TYPES[name])
    except msgspec.ValidationError as error:
        choices = choices_of(_TYPES[name]) if "enum" in str(error) else []
        raise ValueError(f"expected one of {', '.join(choices)}" if choices else str(error)) from None


FACTS = frozenset(_TYPES)
