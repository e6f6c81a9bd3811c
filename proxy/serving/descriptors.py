"""File descriptors: as many as the wanted connections need, where the system allows it.

A process that has none left cannot say so to a client: the event loop closes what it accepts, without a word. So it
takes no more connections than its descriptors are enough for.

And none of them for other programs: one that is started while a listener is open, and has a copy of it, keeps the port
when this process has let it go. The kernel then makes connections that nobody answers.
"""

from __future__ import annotations

import contextlib
import logging
import os

from proxy.serving.connections import LIMIT_PER_GUEST, ConnectionLimits

try:
    import resource
except ImportError:  # Windows, which has no such limit
    resource = None  # type: ignore[assignment]

_log = logging.getLogger(__name__)

_EACH = 2  # a client's, and its request's to the upstream
_STANDARD = 3  # input, output and errors
_OTHERS = 64  # files of the store, pipes to helpers, connections to a database, listening sockets


def within_descriptors(limits: ConnectionLimits) -> ConnectionLimits:
    """Raises the process' own limit as far as it is needed and may be, and lowers `limits` to what that allows."""
    if resource is None:
        return limits
    wanted = limits.connections * _EACH + limits.guests + _OTHERS
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    if allowed == resource.RLIM_INFINITY or allowed >= wanted:
        return limits
    shares = _EACH * LIMIT_PER_GUEST + 1  # of so many connections and their guest
    possible = max((allowed - _OTHERS - 1) * LIMIT_PER_GUEST // shares, 1)
    facts = {"descriptors": allowed, "max_connections": limits.connections, "possible": possible}
    _log.warning(
        "file descriptors are enough for fewer connections than server.max_connections (ulimit -n)", extra=facts
    )
    return ConnectionLimits(possible, limits.head_bytes, limits.head_fields, limits.head_seconds, limits.body_seconds)


def keep_to_oneself() -> None:
    """No program that this process starts later gets what this one was born with, but for the three standard streams.

    For a process that another Python made: `multiprocessing` passes descriptors on as ones that are inherited, and an
    event loop that starts programs by libuv closes nothing for them. A system without /dev/fd passes none on.
    """
    with contextlib.suppress(FileNotFoundError):
        for descriptor in map(int, os.listdir("/dev/fd")):
            if descriptor >= _STANDARD:
                with contextlib.suppress(OSError):  # the one by which they were listed
                    os.set_inheritable(descriptor, False)
