"""`dragoman backup`: copies the SQLite database as it is at one moment, while the server may be at work."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from proxy.commands.configuration import add_config_argument, read_config
from proxy.commands.terminal import complain, fail, say
from proxy.config import ConfigError, StoreSettings, with_data_dir
from proxy.state.sealing import KEY_FILE
from proxy.store import StoreError
from proxy.store.create import FILE
from proxy.store.upkeep import back_up


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("file", type=Path, metavar="TARGET", help="the new file; nothing is written over")


def run(arguments: argparse.Namespace) -> int:
    try:
        store = with_data_dir(read_config(arguments), os.environ).store
    except ConfigError as error:
        return fail(str(error), status=2)
    refused = _refused(store)
    if refused is not None or store.data_dir is None:
        return fail(f"dragoman: {refused}", status=2)
    directory, target = Path(store.data_dir), arguments.file
    try:
        size = back_up(directory / FILE, target)
    except StoreError as error:
        return fail(f"dragoman: {error.message}", status=1)
    say(f"{target}: {size} bytes")
    if not store.sealing_keys and (directory / KEY_FILE).exists():
        complain(f"Without {directory / KEY_FILE} sealed content in it cannot be read: keep a copy of that, too.")
    return 0


def _refused(store: StoreSettings) -> str | None:
    """Returns why there is nothing to be copied, or None."""
    if store.kind == "postgres":
        return "PostgreSQL is backed up by its own tools, such as pg_dump"
    if store.kind == "memory" or store.data_dir is None:
        return "responses are kept in memory: there is nothing to back up"
    return None
