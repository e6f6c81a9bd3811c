"""`with_data_dir`: the configuration with the data directory that the environment decides, where it names none."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from proxy.config.settings import Config

DATA_DIR_VARIABLE = "DRAGOMAN_DATA_DIR"

_log = logging.getLogger(__name__)


def with_data_dir(config: Config, environ: Mapping[str, str]) -> Config:
    """Puts the store in memory where a directory that nobody asked for cannot be made."""
    if config.store.data_dir is not None:
        return config
    asked = environ.get(DATA_DIR_VARIABLE)
    directory = Path(asked) if asked else _state_home(environ) / "dragoman"
    if not asked and not _usable(directory):
        if config.store.kind == "sqlite":
            _log.warning("responses are kept in memory: no data directory", extra={"directory": str(directory)})
        return config
    return msgspec.structs.replace(config, store=msgspec.structs.replace(config.store, data_dir=str(directory)))


def _state_home(environ: Mapping[str, str]) -> Path:
    # XDG Base Directory Specification 0.8: a relative path is to be ignored
    named = Path(environ.get("XDG_STATE_HOME", ""))
    return named if named.is_absolute() else Path(environ.get("HOME", "/")) / ".local" / "state"


def _usable(directory: Path) -> bool:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(directory, os.W_OK | os.X_OK)
