"""The environment variables that are settings themselves; one that is empty counts as not set."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

import msgspec

from proxy.config.data_dir import DATA_DIR_VARIABLE
from proxy.config.decode import convert
from proxy.config.problems import Report
from proxy.config.settings import Config, ModelSettings, ServerSettings, UpstreamSettings

CONFIG_VARIABLE = "DRAGOMAN_CONFIG"
HOST_VARIABLE = "DRAGOMAN_HOST"
PORT_VARIABLE = "DRAGOMAN_PORT"
LOG_LEVEL_VARIABLE = "DRAGOMAN_LOG_LEVEL"
WORKERS_VARIABLE = "DRAGOMAN_WORKERS"
UPSTREAM_VARIABLE = "DRAGOMAN_UPSTREAM"
UPSTREAM_KEY_VARIABLE = "DRAGOMAN_UPSTREAM_KEY"
UPSTREAM_MODEL_VARIABLE = "DRAGOMAN_UPSTREAM_MODEL"
KEY_VARIABLE = "DRAGOMAN_KEY"
"""What a client on this machine presents: for `dragoman chat`, and for Codex as `codex-config` sets it up."""
LOCAL_BASE_URLS_VARIABLE = "DRAGOMAN_LOCAL_BASE_URLS"
"""Where the embedded servers listen, from the process that started them to its workers."""

_FLAGS = {
    UPSTREAM_VARIABLE: "upstream",
    UPSTREAM_KEY_VARIABLE: "api-key",
    UPSTREAM_MODEL_VARIABLE: "model",
}
_OVERRIDES = {
    HOST_VARIABLE: "host",
    PORT_VARIABLE: "port",
    LOG_LEVEL_VARIABLE: "log_level",
    WORKERS_VARIABLE: "workers",
}
_OWN = frozenset(
    {
        CONFIG_VARIABLE,
        DATA_DIR_VARIABLE,
        KEY_VARIABLE,
        LOCAL_BASE_URLS_VARIABLE,
        UPSTREAM_KEY_VARIABLE,
        UPSTREAM_MODEL_VARIABLE,
        UPSTREAM_VARIABLE,
        *_OVERRIDES,
    }
)
_UPSTREAM_SETTINGS = {UPSTREAM_VARIABLE: "base_url", UPSTREAM_KEY_VARIABLE: "api_key"}
# What Kubernetes puts into every container of a namespace that has a Service named dragoman:
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_SERVICE_LINK = re.compile(r"DRAGOMAN_(SERVICE_HOST|SERVICE_PORT\w*|PORT_\d+_\w+)")
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


def override_upstreams(config: Config, environ: Mapping[str, str], report: Report) -> Config:
    """The configuration with the one upstream that the environment names in the place of all others.

    Every model name goes there, under the one name that the environment tells or as it is.
    """
    address = environ.get(UPSTREAM_VARIABLE)
    if not address:
        return config
    types = {field.name: field.type for field in msgspec.structs.fields(UpstreamSettings)}
    values = {}
    for variable, name in _UPSTREAM_SETTINGS.items():
        if environ.get(variable):
            try:
                values[name] = convert(environ[variable], types[name], strict=False)
            except ValueError as error:
                report.add_variable(f"{variable} (or --{_FLAGS[variable]})", str(error))
    model = environ.get(UPSTREAM_MODEL_VARIABLE) or None
    everything = {"*": ModelSettings(upstream="upstream", model=model)}
    models = everything if model is None else {model: ModelSettings(upstream="upstream"), **everything}
    return msgspec.structs.replace(config, upstreams={"upstream": UpstreamSettings(**values)}, models=models)


def warn_of_unknown(environ: Mapping[str, str], text: bytes, report: Report) -> None:
    """Tells of variables that look like ours and mean nothing, unless the file's text names them."""
    for name in environ:
        known = name in _OWN or _SERVICE_LINK.fullmatch(name) or name.encode("utf-8", "replace") in text
        if name.startswith("DRAGOMAN_") and not known:
            close = difflib.get_close_matches(name, _OWN, n=1)
            report.warn_of_variable(name, f"is no setting{f' (did you mean {close[0]}?)' if close else ''}")
    for name, needed in ((UPSTREAM_KEY_VARIABLE, UPSTREAM_VARIABLE), (UPSTREAM_MODEL_VARIABLE, UPSTREAM_VARIABLE)):
        if environ.get(name) and not environ.get(needed):
            report.warn_of_variable(f"{name} (or --{_FLAGS[name]})", f"has a meaning with {needed} only")


def override_server(server: ServerSettings, environ: Mapping[str, str], report: Report) -> ServerSettings:
    """The server settings with what the environment says instead."""
    types = {field.name: field.type for field in msgspec.structs.fields(ServerSettings)}
    changes = {}
    for variable, name in _OVERRIDES.items():
        if _SERVICE_ADDRESS.match(environ.get(variable, "")):
            told = "is Kubernetes' own, of a Service with this name, and not used: set enableServiceLinks to false"
            report.warn_of_variable(variable, told)
        elif environ.get(variable):
            try:
                changes[name] = convert(environ[variable], types[name], strict=False)
            except ValueError as error:
                report.add_variable(f"{variable} (or --{name.replace('_', '-')})", str(error))
    return msgspec.structs.replace(server, **changes)


def local_base_urls_value(base_urls: Mapping[str, str]) -> str:
    """The value of LOCAL_BASE_URLS_VARIABLE: upstream name → base URL."""
    return msgspec.json.encode(dict(base_urls)).decode()


def read_local_base_urls(environ: Mapping[str, str], report: Report) -> dict[str, str]:
    text = environ.get(LOCAL_BASE_URLS_VARIABLE)
    if not text:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        report.add_variable(LOCAL_BASE_URLS_VARIABLE, str(error))
        return {}
