"""The configuration as a command's flags name it, and what goes for it into the environment of worker processes."""

from __future__ import annotations

import argparse
import os

from proxy.config import (
    CONFIG_VARIABLE,
    UPSTREAM_KEY_VARIABLE,
    UPSTREAM_MODEL_VARIABLE,
    UPSTREAM_VARIABLE,
    Config,
    ReadConfig,
)
from proxy.config import read_config as read_with

_VARIABLES = {
    "config": CONFIG_VARIABLE,
    "upstream_url": UPSTREAM_VARIABLE,
    "api_key": UPSTREAM_KEY_VARIABLE,
    "upstream_model": UPSTREAM_MODEL_VARIABLE,
}


def add_config_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", metavar="FILE", help=f"the file to read (else ${CONFIG_VARIABLE}, ./config.yaml, built-in defaults)"
    )


def add_upstream_arguments(parser: argparse.ArgumentParser) -> None:
    """An upstream on the command line, in the place of those of the file."""
    parser.add_argument(
        "--upstream",
        dest="upstream_url",
        metavar="URL",
        help="where every request goes, in the place of the file's upstreams and models: the address before "
        f"/chat/completions, as in http://127.0.0.1:11434/v1 (else ${UPSTREAM_VARIABLE})",
    )
    parser.add_argument(
        "--api-key",
        metavar="KEY",
        help=f"its key (else ${UPSTREAM_KEY_VARIABLE}, the better place: others on this machine see a command line)",
    )
    parser.add_argument(
        "--model",
        dest="upstream_model",
        metavar="NAME",
        help=f"the model to ask for, whatever a request names (else ${UPSTREAM_MODEL_VARIABLE}, else as it is named)",
    )


def overrides_of(arguments: argparse.Namespace) -> dict[str, str]:
    """Returns the environment variables that the flags stand for."""
    given = {variable: getattr(arguments, name, None) for name, variable in _VARIABLES.items()}
    return {variable: str(value) for variable, value in given.items() if value is not None}


def read_named(arguments: argparse.Namespace) -> ReadConfig:
    """Reads the configuration, with the file it is from and what is to be said of it. Raises ConfigError."""
    return read_with(None, {**os.environ, **overrides_of(arguments)})


def read_config(arguments: argparse.Namespace) -> Config:
    """Raises ConfigError."""
    return read_named(arguments).config
