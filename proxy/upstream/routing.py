"""`Router`: model name → `Plan`: which upstreams, under which names, in which dialects.

An exact name wins over a pattern, a pattern with more literal characters over one with fewer, and the entry
`*` takes the rest. Patterns are those of fnmatch, in which case counts. An upstream whose dialect neither setting nor
host tells is `undecided` until `settle`, and generic meanwhile.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence

from proxy.config import Config
from proxy.upstream.entries import Entry
from proxy.upstream.plan import Plan, Route
from translators.errors import InvalidRequest
from translators.sealing import PLAIN, Sealer

DEFAULT_NAME = "*"
MAX_NAMES_SHOWN = 20
MAX_NAME_SHOWN = 100
MAX_NAME = 1024
"""Characters of a model's name: the longest in use, paths of files, have a few hundred. Each name that a pattern takes
is held against the families of many models, and remembered."""
MAX_REMEMBERED = 1000

_WILDCARD = re.compile(r"\[[^]]*\]|[*?]")


def _any(model: str) -> bool:
    return True


class Router:
    """The plans of one configuration."""

    def __init__(self, config: Config, sealer: Sealer = PLAIN) -> None:
        self._known = names_shown(config)
        self._entries = {name: Entry.of(settings, config, sealer) for name, settings in config.models.items()}
        self._listed: dict[str, str] = {}
        self._exact = {name: self._plan(name, name) for name in self._entries if not is_pattern(name)}
        self.undecided = {route.upstream_name for route in self.entries() if not route.choice.told_by}
        patterns = [(re.compile(fnmatch.translate(name)).match, name) for name in self._entries if is_pattern(name)]
        self._default = _default_model(config, self._entries, list(self._exact))
        self._found: dict[str, Plan] = {}  # by the names that patterns took
        # The sort is stable: equally literal patterns keep the order of the file. `*` has no literal part.
        self._patterns = sorted(patterns, key=lambda pattern: -_literal_length(pattern[1]))

    def __repr__(self) -> str:
        return f"Router({', '.join(self._entries)}; undecided: {', '.join(sorted(self.undecided)) or 'none'})"

    def names(self) -> tuple[str, ...]:
        """The exact names, in the order of the configuration."""
        return tuple(self._exact)

    def entries(self) -> tuple[Route, ...]:
        """The targets of every configured name and pattern, in the order of the configuration."""
        return tuple(route for name in self._entries for route in self._plan(name, name).targets)

    def settle(self, upstream: str, listed: str | None) -> None:
        """`listed` is the preset that the list of models of an undecided upstream tells, None where it tells none."""
        self.undecided.discard(upstream)
        if listed is not None:
            self._listed[upstream] = listed
            self._exact = {name: self._plan(name, name) for name in self._exact}
            self._found.clear()

    def route(self, model: str | None, may_use: Callable[[str], bool] = _any) -> Route:
        """The target whose facts stand for the model. Raises InvalidRequest as `plan` does."""
        return self.plan(model, may_use).first

    def plan(self, model: str | None, may_use: Callable[[str], bool] = _any) -> Plan:
        """Where a request for `model` goes, or one that names none, for a caller who may use these models.

        Raises InvalidRequest where nothing is configured for it, which is the same for what the caller may not use.
        """
        if not model:
            if self._default is None:
                message = "Missing required parameter: 'model'."
                raise InvalidRequest(message, code="missing_required_parameter", param="model")
            model = self._default
        plan = self.plan_or_none(model)
        if plan is not None and may_use(model):
            return plan
        known = self._known if may_use is _any else shown_names([name for name in self._entries if may_use(name)])
        if len(model) > MAX_NAME:
            message = f"Invalid 'model': a name has at most {MAX_NAME} characters, this one {len(model)}."
            raise InvalidRequest(message, code="string_above_max_length", param="model")
        shown = model if len(model) <= MAX_NAME_SHOWN else f"{model[:MAX_NAME_SHOWN]}…"
        message = f"The model '{shown}' does not exist here. Known models: {known}."
        raise InvalidRequest(message, status=404, code="model_not_found", param="model")

    def plan_or_none(self, model: str) -> Plan | None:
        if model in self._exact:
            return self._exact[model]
        if model in self._found:
            return self._found[model]
        if len(model) > MAX_NAME:
            return None
        for matches, pattern in self._patterns:
            if matches(model):
                if len(self._found) >= MAX_REMEMBERED:
                    self._found.clear()
                return self._found.setdefault(model, self._plan(pattern, model))
        return None

    def _plan(self, entry_name: str, model: str) -> Plan:
        return self._entries[entry_name].plan(model, self._listed)


def is_pattern(name: str) -> bool:
    return any(wildcard in name for wildcard in "*?[")


def names_shown(config: Config) -> str:
    """The configured names and patterns for a message, as many as fit one."""
    return shown_names(list(config.models))


def shown_names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MAX_NAMES_SHOWN])
    return shown if len(names) <= MAX_NAMES_SHOWN else f"{shown} and {len(names) - MAX_NAMES_SHOWN} more"


def _default_model(config: Config, entries: Mapping[str, Entry], exact: Sequence[str]) -> str | None:
    """The model of a request that names none: the one that is configured for that, the one that `*` stands for, or the
    only entry, where that is a name."""
    if config.default_model is not None:
        return config.default_model
    rest = entries.get(DEFAULT_NAME)
    sent = None if rest is None else rest.sent_name()
    if sent is not None:
        return sent
    return exact[0] if len(exact) == len(entries) == 1 else None


def _literal_length(pattern: str) -> int:
    return len(_WILDCARD.sub("", pattern))
