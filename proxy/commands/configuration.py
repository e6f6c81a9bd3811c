"""The configuration as a command's flags name it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from proxy.config import CONFIG_VARIABLE, Config, load_config


def add_config_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", help=f"the file to read (else ${CONFIG_VARIABLE}, ./config.yaml, built-in defaults)"
    )


def read_config(arguments: argparse.Namespace) -> Config:
    """Raises ConfigError."""
    return load_config(None if arguments.config is None else Path(arguments.config), os.environ)
