"""`start_error`: why a server does not start, in one line that says what to do, and its exit status."""

from __future__ import annotations

import logging

from msgspec import Struct

from proxy.config import ConfigError
from proxy.store import StoreError, StoreMisconfigured
from proxy.transports import TransportUnavailable

_log = logging.getLogger(__name__)


class StartError(Struct, frozen=True):
    """`status` is 2 for what whoever runs the program has to change, 1 for what another try may find mended."""

    message: str
    status: int


def start_error(error: Exception) -> StartError:
    """For whatever was raised by the start. What nobody expected is logged with its traceback, in one line."""
    if isinstance(error, ConfigError | StoreMisconfigured | TransportUnavailable):
        return StartError(str(error), 2)
    if isinstance(error, StoreError):
        return StartError(error.message, 1)
    _log.error("unexpected error at the start", exc_info=error)
    return StartError(f"cannot start: {type(error).__name__}: {error}", 1)
