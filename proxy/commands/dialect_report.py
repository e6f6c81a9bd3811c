"""`dialect_lines(routes)`: the facts in force for each model and where each is from, as `dragoman check` tells them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from proxy.upstream.plan import Route
from translators.dialects import Choice


def dialect_lines(routes: Iterable[Route]) -> Iterator[str]:
    """Returns the lines. Models that share all facts are told together; facts that are as in `generic` are not told."""
    groups: list[tuple[Choice, list[str]]] = []
    for route in routes:
        known = next((names for choice, names in groups if choice == route.choice), None)
        if known is None:
            groups.append((route.choice, [route.name]))
        else:
            known.append(route.name)
    for choice, names in groups:
        yield ""
        yield f"{', '.join(names)}: dialect {choice.dialect.name} ({choice.told_by or 'nothing tells another'})"
        shown = {fact: msgspec.json.encode(value).decode() for fact, value in facts_told(choice).items()}
        width = max((len(f"{fact}: {value}") for fact, value in shown.items()), default=0)
        for fact, value in shown.items():
            yield f"  {f'{fact}: {value}'.ljust(min(width, 60))}  ({choice.origins[fact]})"


def facts_told(choice: Choice) -> dict[str, Any]:
    """The facts that differ from `generic` by name, as they may stand in the configuration."""
    values = {fact: getattr(choice.dialect, fact) for fact in sorted(choice.origins)}
    return {fact: sorted(value) if isinstance(value, frozenset) else value for fact, value in values.items()}
