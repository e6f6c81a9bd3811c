"""`choose(…)`: the dialect in force for one model of one upstream, and where each of its facts is from.

Weakest first: generic, the model's family, the backend's preset, the preset's rules for the model, the upstream's
setting, the model's setting.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from translators.dialects.dialect import Dialect
from translators.dialects.families import FAMILIES
from translators.dialects.listed import read_entries
from translators.dialects.preset import FACTS, Facts, Preset, read_fact, read_facts
from translators.dialects.presets import BACKENDS

AUTO = "auto"
GENERIC = "generic"
Setting = str | Mapping[str, Any]
"""A preset's name, or facts, among which `preset` may name one."""


class Choice(Struct, frozen=True):
    """`told_by` is what named the preset; empty where nothing did."""

    dialect: Dialect
    origins: dict[str, str]
    """Fact → where it is from, for those that differ from generic."""
    told_by: str = ""


def choose(
    upstream: Setting = AUTO,
    model: Setting = AUTO,
    *,
    host: str,
    model_name: str,
    otherwise: str = GENERIC,
    because: str = "",
) -> Choice:
    """Finds the dialect in force. `host` is the upstream's, with its port where it names one; `otherwise` the preset of
    an unknown one, and `because` what told it.

    Raises KeyError for an unknown preset and ValueError for an unknown fact.
    """
    settings = (("upstream setting", upstream), ("model setting", model))
    named = [(name, origin) for origin, setting in settings if (name := preset_name(setting)) != AUTO]
    of_host = preset_of_host(host)
    name, told_by = named[-1] if named else (otherwise, because) if of_host is None else (of_host.name, "host")
    found = BACKENDS[name]
    layers: list[tuple[str, Facts]] = [
        *((f"family {family.name}", family.facts) for family in FAMILIES if family.rule.matches(model_name)),
        (f"preset {found.name}", found.facts),
        *((f"preset {found.name} for {rule.pattern}", rule.facts) for rule in found.models if rule.matches(model_name)),
        *((origin, read_facts(facts_of(setting))) for origin, setting in settings),
    ]
    facts: Facts = {}
    origins: dict[str, str] = {}
    for origin, layer in layers:
        facts |= layer
        origins |= dict.fromkeys(layer, origin)
    dialect = Dialect(name=found.name, **facts)
    return Choice(dialect, {name: origin for name, origin in origins.items() if differs(dialect, name)}, told_by)


def preset_of_host(host: str) -> Preset | None:
    """Returns the preset whose backend lives at `host`."""
    host = host.lower()
    bare, colon, port = host.partition(":")
    for found in BACKENDS.values():
        for pattern in found.hosts:
            if fnmatch.fnmatchcase(bare, pattern) or (pattern.startswith(":") and pattern == colon + port):
                return found
    return None


def preset_of_list(body: bytes) -> str | None:
    """Returns the name of the preset whose backend lists its models so; None where the list tells nothing."""
    entries = read_entries(body)
    signs = ((name, found.listed) for name, found in BACKENDS.items())
    return next((name for name, listed in signs if listed is not None and listed.matches(entries)), None)


def preset_name(setting: Setting) -> str:
    return str(setting if isinstance(setting, str) else setting.get("preset", AUTO))


def facts_of(setting: Setting) -> dict[str, Any]:
    """Returns the facts in a setting, as plain data."""
    return {} if isinstance(setting, str) else {name: value for name, value in setting.items() if name != "preset"}


def problems(setting: Setting) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yields what is wrong with a setting: the path within it and what to say."""
    name = preset_name(setting)
    if name not in (AUTO, *BACKENDS):
        yield (() if isinstance(setting, str) else ("preset",)), _unknown("dialect", name, (AUTO, *BACKENDS))
    for fact, value in facts_of(setting).items():
        if fact not in FACTS:
            yield (fact,), _unknown("fact", fact, FACTS)
            continue
        try:
            read_fact(fact, value)
        except ValueError as error:
            yield (fact,), str(error)[:1].lower() + str(error)[1:]


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"unknown {what} {name} ({f'did you mean {close[0]}?' if close else 'known: ' + ', '.join(sorted(known))})"


def differs(dialect: Dialect, name: str) -> bool:
    return bool(getattr(dialect, name) != _GENERIC[name])


PRESETS: dict[str, Dialect] = {name: Dialect(name=name, **found.facts) for name, found in BACKENDS.items()}
"""Every backend's dialect, for a model that nothing more is known of."""

_GENERIC = msgspec.structs.asdict(Dialect())
