"""`read_config`: file, environment and built-in defaults → one `Config`, or a ConfigError with every problem.

The environment wins over the file; the command puts its flags into the environment it passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import UNSET, Struct

from proxy.config.decode import decode
from proxy.config.environment import (
    CONFIG_VARIABLE,
    override_server,
    override_upstreams,
    read_local_base_urls,
    warn_of_unknown,
)
from proxy.config.problems import Problem, Report
from proxy.config.rules import check_config
from proxy.config.settings import LOCAL_MODEL, Config, ModelSettings, UpstreamSettings
from proxy.config.source import parse_document

DEFAULT_FILE = Path("config.yaml")


class ReadConfig(Struct, frozen=True):
    """A configuration, the file that it is from (None: built in), and what in it is probably not meant."""

    config: Config
    file: Path | None
    warnings: tuple[Problem, ...]


def load_config(path: Path | None, environ: Mapping[str, str]) -> Config:
    """`read_config` for whoever needs nothing but the configuration."""
    return read_config(path, environ).config


def read_config(path: Path | None, environ: Mapping[str, str]) -> ReadConfig:
    """What `path` holds, else the file that DRAGOMAN_CONFIG names, else ./config.yaml, else built in.

    Raises ConfigError.
    """
    file = path or _find_file(environ)
    report = Report("" if file is None else str(file))
    text, config = (b"", builtin_config()) if file is None else _read(file, environ, report)
    config = override_upstreams(config, environ, report)
    server = override_server(config.server, environ, report)
    base_urls = read_local_base_urls(environ, report)
    warn_of_unknown(environ, text, report)
    report.raise_if_any()
    config = with_base_urls(msgspec.structs.replace(config, server=server), base_urls)
    return ReadConfig(config, file, report.warnings)


def builtin_config() -> Config:
    """What runs without a file: every model name goes to one embedded server."""
    local = ModelSettings(upstream="local")
    return Config(upstreams={"local": UpstreamSettings(kind="local")}, models={LOCAL_MODEL: local, "*": local})


def with_base_urls(config: Config, base_urls: Mapping[str, str]) -> Config:
    """The configuration with the addresses its embedded servers turned out to have, by upstream name."""
    moved = {
        name: msgspec.structs.replace(upstream, base_url=base_urls[name]) if name in base_urls else upstream
        for name, upstream in config.upstreams.items()
    }
    return msgspec.structs.replace(config, upstreams=moved)


def _find_file(environ: Mapping[str, str]) -> Path | None:
    if environ.get(CONFIG_VARIABLE):
        return Path(environ[CONFIG_VARIABLE])
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None


def _read(file: Path, environ: Mapping[str, str], report: Report) -> tuple[bytes, Config]:
    """The file's text, and as much of it as can be read; what cannot is in the report."""
    try:
        text = file.read_bytes()
    except OSError as error:
        report.add_at(None, (), f"cannot be read: {error.strerror}")
        return b"", Config()
    root = parse_document(text, environ, report)
    config = UNSET if root is None else decode(root, Config, (), report)
    if not isinstance(config, Config):
        return text, Config()
    check_config(config, report)
    return text, config
