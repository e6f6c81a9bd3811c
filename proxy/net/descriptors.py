"""File descriptors: as many as the wanted connections need, where the system allows it.

A process that has none left cannot say so to a client: the event loop closes what it accepts, without a word. So it
takes no more connections than its descriptors are enough for.
"""

from __future__ import annotations

import logging

from proxy.net.connections import ConnectionLimits

try:
    import resource
except ImportError:  # Windows, which has no such limit
    resource = None  # type: ignore[assignment]

_log = logging.getLogger(__name__)

_EACH = 2  # a client's, and its request's to the upstream
_OTHERS = 64  # files of the store, pipes to helpers, connections to a database, listening sockets


def within_descriptors(limits: ConnectionLimits) -> ConnectionLimits:
    """Raises the process' own limit as far as it is needed and may be, and lowers `limits` to what that allows."""
    if resource is None:
        return limits
    wanted = limits.connections * _EACH + _OTHERS
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    possible = limits.connections if allowed == resource.RLIM_INFINITY else (allowed - _OTHERS) // _EACH
    if possible >= limits.connections:
        return limits
    possible = max(possible, 1)
    facts = {"descriptors": allowed, "max_connections": limits.connections, "possible": possible}
    _log.warning(
        "file descriptors are enough for fewer connections than server.max_connections (ulimit -n)", extra=facts
    )
    return ConnectionLimits(possible, limits.head_bytes, limits.head_fields, limits.head_seconds, limits.body_seconds)
