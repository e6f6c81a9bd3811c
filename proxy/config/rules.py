"""What the settings must agree on with one another; single values are checked where they are decoded."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Iterable
from hashlib import sha256

from proxy.config.problems import Path, Report, dotted
from proxy.config.settings import Config, ModelSettings, StoreSettings, UpstreamSettings
from translators.asking.parse import parse_defaults
from translators.dialects import Setting, problems
from translators.errors import InvalidRequest
from translators.schema.chat import ChatRequest

# Settings that mean nothing for the other kind; one set there is a mistake worth telling.
_ONLY_FOR = {
    "base_url": "chat",
    "api_key": "chat",
    "pass_client_key": "chat",
    "headers": "chat",
    "forward_headers": "chat",
    "verify_tls": "chat",
    "ca_file": "chat",
    "model_path": "local",
    "context_size": "local",
    "threads": "local",
}
_WRITTEN_BY_THE_PROXY = frozenset({"messages", "model", "stream"})
_SENT = frozenset(ChatRequest.__struct_fields__)
# What a regular expression has and a pattern of fnmatch does not; names of models hold none of it.
_REGULAR_EXPRESSION = re.compile(r"\.\*|\.\+|^\^|\$$|\||\\\\")
_DEFAULTS = UpstreamSettings()


def check_config(config: Config, report: Report) -> None:
    """Reports every disagreement in the configuration."""
    for name, upstream in config.upstreams.items():
        _check_upstream(name, upstream, config, report)
    for name, model in config.models.items():
        _check_model(name, model, config, report)
    _check_store(config.store, report)
    _check_keys(config, report)
    _check_default_model(config, report)
    if not config.models and not report.has_spoilt_below(("models",)):
        report.add(("models",), "names no model: at least one is needed")
    used = {model.upstream for model in config.models.values()}
    for name in config.upstreams:
        if name not in used and not report.has_spoilt_below(("models",)):
            report.warn(("upstreams", name), "is used by no model")


def _check_upstream(name: str, upstream: UpstreamSettings, config: Config, report: Report) -> None:
    at = ("upstreams", name)
    if upstream.kind == "chat" and upstream.base_url is None:
        report.add((*at, "base_url"), "is required (or `kind: local` for the embedded server)")
    if not report.is_spoilt((*at, "kind")):
        for setting, kind in _ONLY_FOR.items():
            if kind != upstream.kind and getattr(upstream, setting) != getattr(_DEFAULTS, setting):
                report.add((*at, setting), f"has a meaning for `kind: {kind}` only")
    if upstream.api_key is not None and upstream.pass_client_key:
        report.add((*at, "pass_client_key"), "excludes api_key: only one key can be sent")
    if upstream.pass_client_key and (config.server.api_keys or config.keys):
        report.add(
            (*at, "pass_client_key"),
            "would send the keys of this proxy (server.api_keys, keys) to the upstream, since callers present those: "
            "set api_key in its place, or ask callers for no key of this proxy",
        )
    if "authorization" in upstream.headers and (upstream.api_key is not None or upstream.pass_client_key):
        report.add((*at, "headers", "authorization"), "excludes api_key and pass_client_key")
    if upstream.ca_file is not None and not upstream.verify_tls:
        report.add((*at, "ca_file"), "is never read where verify_tls is false")
    _check_dialect(at, upstream.dialect, report)


def _check_dialect(at: Path, setting: Setting, report: Report) -> None:
    for path, message in problems(setting):
        report.add((*at, "dialect", *path), message)


def _check_store(store: StoreSettings, report: Report) -> None:
    at = ("store",)
    if store.kind == "postgres" and store.dsn is None and not report.is_spoilt((*at, "dsn")):
        report.add((*at, "dsn"), "is required for `kind: postgres`")
    if store.conversations == "always" and not store.max_conversation_age_days:
        report.warn(
            (*at, "conversations"), "every response begins a conversation, and none goes: set max_conversation_age_days"
        )
    if store.kind != "postgres" and store.dsn is not None and not report.is_spoilt((*at, "kind")):
        report.add((*at, "dsn"), "has a meaning for `kind: postgres` only")


def _check_keys(config: Config, report: Report) -> None:
    used = {
        sha256(key.reveal().encode()).hexdigest(): f"server.api_keys[{n}]"
        for n, key in enumerate(config.server.api_keys)
    }
    for name, settings in config.keys.items():
        at = ("keys", name)
        if settings.key is None and not settings.sha256 and not report.has_spoilt_below(at):
            report.add(at, "needs a `key`, or its digest in `sha256`")
        digests: dict[str, Path] = (
            {} if settings.key is None else {sha256(settings.key.reveal().encode()).hexdigest(): (*at, "key")}
        )
        digests |= {digest: (*at, "sha256", index) for index, digest in enumerate(settings.sha256)}
        for digest, path in digests.items():
            if digest in used:
                report.add(path, f"is the same key as {used[digest]}")
            used.setdefault(digest, dotted(path))


def _check_default_model(config: Config, report: Report) -> None:
    name = config.default_model
    if name is None or report.has_spoilt_below(("models",)):
        return
    if name not in config.models and not any(fnmatch.fnmatchcase(name, pattern) for pattern in config.models):
        report.add(("default_model",), _unknown("model", name, config.models))


def _check_model(name: str, model: ModelSettings, config: Config, report: Report) -> None:
    if model.upstream not in config.upstreams and not report.is_spoilt(("upstreams", model.upstream)):
        report.add(("models", name, "upstream"), _unknown("upstream", model.upstream, config.upstreams))
    _check_pattern(name, report)
    _check_dialect(("models", name), model.dialect, report)
    _check_defaults(name, model, report)
    for parameter in sorted(_WRITTEN_BY_THE_PROXY & model.extra_body.keys()):
        report.add(("models", name, "extra_body", parameter), "cannot be set here: the proxy writes it")
    for index, parameter in enumerate(model.drop_params):
        if parameter in _WRITTEN_BY_THE_PROXY:
            report.add(("models", name, "drop_params", index), f"{parameter} cannot be left out")
        elif parameter not in _SENT and parameter not in model.extra_body:
            close = difflib.get_close_matches(parameter, sorted(_SENT), n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            report.warn(("models", name, "drop_params", index), f"{parameter} is never sent{hint}")


def _check_pattern(name: str, report: Report) -> None:
    at = ("models", name)
    if "[" in name and "]" not in name[name.index("[") + 2 :]:
        report.warn(at, "has a [ without its ], which stands for itself")
    elif _REGULAR_EXPRESSION.search(name):
        meant = name.replace(".*", "*").replace(".+", "*").strip("^$")
        told = f" (did you mean {meant}?)" if meant != name and "|" not in meant and "\\" not in meant else ""
        report.warn(at, f"is a pattern of * ? [abc], not a regular expression{told}")


def _check_defaults(name: str, model: ModelSettings, report: Report) -> None:
    try:
        parse_defaults(model.defaults)
    except InvalidRequest as error:
        at = error.param.split(".") if error.param else []
        report.add(("models", name, "defaults", *at), error.message)


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(names) or 'none'}"
    return f"unknown {what} {name} ({hint})"
