"""The environment variables that are settings themselves; one that is empty counts as not set."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from proxy.config.decode import convert
from proxy.config.problems import Report
from proxy.config.settings import ServerSettings

CONFIG_VARIABLE = "DRAGOMAN_CONFIG"
HOST_VARIABLE = "DRAGOMAN_HOST"
PORT_VARIABLE = "DRAGOMAN_PORT"
LOG_LEVEL_VARIABLE = "DRAGOMAN_LOG_LEVEL"
WORKERS_VARIABLE = "DRAGOMAN_WORKERS"
LOCAL_BASE_URLS_VARIABLE = "DRAGOMAN_LOCAL_BASE_URLS"
"""Where the embedded servers listen, from the process that started them to its workers."""

_OVERRIDES = {
    HOST_VARIABLE: "host",
    PORT_VARIABLE: "port",
    LOG_LEVEL_VARIABLE: "log_level",
    WORKERS_VARIABLE: "workers",
}


def override_server(server: ServerSettings, environ: Mapping[str, str], report: Report) -> ServerSettings:
    """The server settings with what the environment says instead."""
    types = {field.name: field.type for field in msgspec.structs.fields(ServerSettings)}
    changes = {}
    for variable, name in _OVERRIDES.items():
        if environ.get(variable):
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
