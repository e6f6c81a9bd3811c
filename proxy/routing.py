"""Model name → where it goes: which upstream, under which name, in which dialect.

An exact name wins over a pattern, a pattern with more literal characters over one with fewer, and the entry
`*` takes the rest. Patterns are those of fnmatch, in which case counts.
"""

from __future__ import annotations

import fnmatch
import re
from urllib.parse import urlsplit

from msgspec import Struct

from proxy.config import LOCAL_MODEL, Config, ModelSettings, UpstreamSettings
from translators.dialects import Dialect, choose_dialect
from translators.errors import InvalidRequest
from translators.request import Settings, parse_defaults

DEFAULT_NAME = "*"
LOCAL_DIALECT = "llamacpp"
MAX_NAMES_SHOWN = 20
MAX_NAME_SHOWN = 100

_WILDCARD = re.compile(r"\[[^]]*\]|[*?]")


class Route(Struct, frozen=True, kw_only=True):
    """`name` is what the client asked for, `model` what the upstream is sent."""

    name: str
    model: str
    upstream_name: str
    upstream: UpstreamSettings
    settings: ModelSettings
    dialect: Dialect
    translation: Settings


class _Pattern(Struct, frozen=True):
    matches: re.Pattern[str]
    literal: int
    settings: ModelSettings


class Router:
    """The routes of one configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config
        exact = {name: settings for name, settings in config.models.items() if not is_pattern(name)}
        self._exact = {name: self._route_to(settings, name) for name, settings in exact.items()}
        patterns = [_compile(name, settings) for name, settings in config.models.items() if is_pattern(name)]
        # The sort is stable: equally literal patterns keep the order of the file. `*` has no literal part.
        self._patterns = sorted(patterns, key=lambda pattern: -pattern.literal)
        self._default = config.models.get(DEFAULT_NAME)

    def names(self) -> tuple[str, ...]:
        """The exact names, in the order of the configuration."""
        return tuple(self._exact)

    def entries(self) -> tuple[Route, ...]:
        """A route for every configured name and pattern, in the order of the configuration."""
        return tuple(self._route_to(settings, name) for name, settings in self._config.models.items())

    def route(self, model: str | None) -> Route:
        """Where a request for `model` goes. Raises InvalidRequest where nothing is configured for it."""
        if not model:
            return self._route_without_name()
        if model in self._exact:
            return self._exact[model]
        for pattern in self._patterns:
            if pattern.matches.match(model):
                return self._route_to(pattern.settings, model)
        shown = model if len(model) <= MAX_NAME_SHOWN else f"{model[:MAX_NAME_SHOWN]}…"
        message = f"The model '{shown}' does not exist here. Known models: {names_shown(self._config)}."
        raise InvalidRequest(message, status=404, code="model_not_found", param="model")

    def _route_without_name(self) -> Route:
        if self._default is not None:
            sent = self._sent_name(self._default)
            if sent is not None:
                return self._route_to(self._default, sent)
        raise InvalidRequest("Missing required parameter: 'model'.", code="missing_required_parameter", param="model")

    def _sent_name(self, settings: ModelSettings) -> str | None:
        """The name that the upstream is sent whatever the client asked for, if the entry has one."""
        if settings.model is None and self._config.upstreams[settings.upstream].kind == "local":
            return LOCAL_MODEL
        return settings.model

    def _route_to(self, settings: ModelSettings, name: str) -> Route:
        upstream = self._config.upstreams[settings.upstream]
        model = self._sent_name(settings) or name
        host = urlsplit(upstream.base_url or "").hostname or ""
        dialect = LOCAL_DIALECT if upstream.kind == "local" and upstream.dialect == "auto" else upstream.dialect
        return Route(
            name=name,
            model=model,
            upstream_name=settings.upstream,
            upstream=upstream,
            settings=settings,
            dialect=choose_dialect(dialect, host=host, model=model),
            translation=Settings(
                model=model,
                on_unsupported=settings.on_unsupported or self._config.on_unsupported,
                defaults=parse_defaults(settings.defaults) if settings.defaults else None,
                extra_body=settings.extra_body,
                drop_params=settings.drop_params,
            ),
        )


def is_pattern(name: str) -> bool:
    return any(wildcard in name for wildcard in "*?[")


def names_shown(config: Config) -> str:
    """The configured names and patterns for a message, as many as fit one."""
    names = list(config.models)
    shown = ", ".join(names[:MAX_NAMES_SHOWN])
    return shown if len(names) <= MAX_NAMES_SHOWN else f"{shown} and {len(names) - MAX_NAMES_SHOWN} more"


def _compile(name: str, settings: ModelSettings) -> _Pattern:
    return _Pattern(re.compile(fnmatch.translate(name)), len(_WILDCARD.sub("", name)), settings)
