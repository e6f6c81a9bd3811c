"""`reason_of(error)`: why a connection could not be made, in words for whoever runs the proxy."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Iterator

_MAX_DEPTH = 10


def reason_of(error: BaseException) -> str:
    """Looks through the errors that an HTTP client has put around the one that tells."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its TLS certificate is not accepted ({cause.verify_message or 'verification failed'})"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed ({cause.reason or 'the handshake broke off'})"
        if isinstance(cause, socket.gaierror):
            return "its name cannot be resolved (DNS)"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused: nothing listens there"
        if isinstance(cause, OSError) and cause.errno is not None:
            return os.strerror(cause.errno).lower()
    # Where all addresses of a name fail in different ways, asyncio gives one error with their texts.
    for cause in _causes(error):
        if isinstance(cause, OSError) and f"[Errno {errno.ECONNREFUSED}]" in str(cause):
            return "connection refused: nothing listens there"
    return str(error) or type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(_MAX_DEPTH):
        if error is None:
            return
        yield error
        error = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error.__cause__ or error.__context__
