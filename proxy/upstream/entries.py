"""`Entry`: an entry of `models` in the configuration, from which the plans for the names it takes are made."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct

from proxy.config import LOCAL_MODEL, Config, ModelSettings, OnUnsupported, UpstreamSettings
from proxy.upstream.plan import Plan, Route
from proxy.upstream.wire import CHAT
from translators.asking.parse import parse_defaults
from translators.asking.translate import Settings
from translators.dialects import GENERIC, choose
from translators.schema.responses import ResponsesRequest
from translators.sealing import Sealer

LOCAL_DIALECT = "llamacpp"
BY_LIST = "list of models"

_SHARE_OF_SUMMARY = 4  # of a context window, at most one part in so many is a summary's
_LEAST_SUMMARY = 256


class Entry(Struct, frozen=True):
    """An entry of `models`, with all of it that no request changes."""

    settings: ModelSettings
    upstream: UpstreamSettings
    on_unsupported: OnUnsupported
    defaults: ResponsesRequest | None
    sealer: Sealer
    error_codes: Mapping[str, str]

    @classmethod
    def of(cls, settings: ModelSettings, config: Config, sealer: Sealer) -> Entry:
        return cls(
            settings,
            config.upstreams[settings.upstream],
            settings.on_unsupported or config.on_unsupported,
            parse_defaults(settings.defaults) if settings.defaults else None,
            sealer,
            config.errors.codes,
        )

    def plan(self, name: str, listed: Mapping[str, str]) -> Plan:
        """The plan for a model of this name; `listed` are the presets that upstreams' lists of models tell."""
        return Plan((self._route(name, listed.get(self.settings.upstream)),))

    def sent_name(self) -> str | None:
        """The name that the upstream is sent whatever the client asked for, if there is one."""
        return self.settings.model or (LOCAL_MODEL if self.upstream.kind == "local" else None)

    def _route(self, name: str, listed: str | None) -> Route:
        model = self.sent_name() or name
        return Route(
            name=name,
            model=model,
            upstream_name=self.settings.upstream,
            upstream=self.upstream,
            settings=self.settings,
            choice=choose(
                self.upstream.dialect,
                self.settings.dialect,
                host=urlsplit(self.upstream.base_url or "").netloc,
                model_name=model,
                otherwise=LOCAL_DIALECT if self.upstream.kind == "local" else listed or GENERIC,
                because="kind local" if self.upstream.kind == "local" else BY_LIST if listed else "",
            ),
            wire=CHAT,
            translation=Settings(
                model=model,
                on_unsupported=self.on_unsupported,
                defaults=self.defaults,
                extra_body=self.settings.extra_body,
                drop_params=self.settings.drop_params,
                grammar_retries=self.settings.grammar_retries,
                estimate_usage=self.settings.estimate_usage,
                thoughts=self.settings.thoughts,
                error_codes=self.error_codes,
                sealer=self.sealer,
                summary_tokens=self._summary_tokens(),
            ),
        )

    def _summary_tokens(self) -> int:
        """A summary that fills the window of its reader makes no room."""
        window = self.settings.context_window
        if window is None and self.upstream.kind == "local":
            window = self.upstream.context_size
        asked = self.settings.summary_tokens
        return asked if window is None else max(min(asked, window // _SHARE_OF_SUMMARY), _LEAST_SUMMARY)
