"""Web pages: which may call, and which get to read the answer.

A browser sends whatever page it shows to any address, this machine's included. Where keys are asked for, a page that
does not know one gets nowhere. Where none are, two headers tell that a page is asking, which no page can forge:
`Origin` is where it is from, and `Host` is under which name it found the server. A name that an attacker owns may lead
to this machine (DNS rebinding), and then the page and the server are one origin; so `Host` has to be a name or an
address that no attacker can own.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache

from proxy.config import ServerSettings
from proxy.inbound.headers import RawHeaders
from translators.errors import InvalidRequest

_MAX_SHOWN = 100
_MAX_HOST = 300  # a name has 253 characters at most (RFC 1035), and then comes a port
_PREFLIGHT_SECONDS = b"600"  # what browsers keep the answer for; Chrome allows 7200 at most
_HEADER_NAMES = re.compile(r"[A-Za-z0-9_-]+(?:\s*,\s*[A-Za-z0-9_-]+)*")
_METHODS = b"GET, POST, DELETE, OPTIONS"
_WILDCARDS = frozenset({"0.0.0.0", "::"})
# Names that the public DNS cannot give to anybody: they are answered by this machine, or within a private network
# (RFC 6761, RFC 6762, ICANN's resolution of 2024-07-29; `.svc` is Kubernetes' own, within its `cluster.local`).
_PRIVATE_SUFFIXES = (".internal", ".local", ".svc")


class Browsers:
    """`asks_for_keys` says whether a request has shown a right key when it is checked."""

    def __init__(self, settings: ServerSettings, *, asks_for_keys: bool) -> None:
        self._asks_for_keys = asks_for_keys
        self._origins = frozenset(settings.cors_origins)
        self._hosts = frozenset({settings.host.lower(), *settings.allowed_hosts})
        self._suffixes = tuple(name[1:] for name in settings.allowed_hosts if name.startswith("*."))
        # Who binds to every address is on a network, where the names of that network lead here.
        self._takes_private_names = settings.host in _WILDCARDS
        self._takes_host = lru_cache(maxsize=1024)(self._is_ours)

    def check(self, headers: Mapping[str, str]) -> None:
        """Raises InvalidRequest (403) for what a foreign page may have sent, where no key says otherwise."""
        if self._asks_for_keys:
            return
        host = headers.get("host")
        # No browser leaves it out.
        if host is not None and (len(host) > _MAX_HOST or not self._takes_host(host)):
            raise InvalidRequest(
                f"The host '{_shown(host)}' is not served without a key: a web page may have led here under a name of "
                "its own. Name it in server.allowed_hosts, or ask for keys with server.api_keys.",
                status=403,
                code="host_not_allowed",
            )
        origin = headers.get("origin")
        if origin is not None and not self.allows(origin) and _host_of(origin) != host:
            raise _origin_refused(origin)

    def allows(self, origin: str) -> bool:
        """Whether pages from there may read answers."""
        return origin in self._origins or "*" in self._origins or is_loopback(host_name(_host_of(origin)))

    def answer_headers(self, origin: str) -> RawHeaders:
        """What an answer to a request with this `Origin` says besides."""
        if not self.allows(origin):
            return [(b"vary", b"origin")]
        return [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", b"*"),
            (b"vary", b"origin"),
        ]

    def preflight_headers(self, headers: Mapping[str, str]) -> RawHeaders:
        """The answer to a browser that asks before it sends. Raises InvalidRequest (403)."""
        origin = headers["origin"]
        if not self.allows(origin):
            raise _origin_refused(origin)
        asked = headers.get("access-control-request-headers", "")
        answer = [
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-max-age", _PREFLIGHT_SECONDS),
        ]
        if _HEADER_NAMES.fullmatch(asked):  # `*` would leave out Authorization
            answer.append((b"access-control-allow-headers", asked.encode()))
        if headers.get("access-control-request-private-network") == "true":
            answer.append((b"access-control-allow-private-network", b"true"))
        return answer

    def _is_ours(self, host: str) -> bool:
        name = host_name(host)
        return (
            is_loopback(name)
            or _is_address(name)
            or name in self._hosts
            or name.endswith(self._suffixes)
            or (self._takes_private_names and ("." not in name or name.endswith(_PRIVATE_SUFFIXES)))
        )


def host_name(host: str) -> str:
    """The name or address of `name:port`, in lower case, without brackets and without the dot of the root."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower().rstrip(".") if ":" in host else host.lower().rstrip(".")


def is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    """An address is nobody's name: what it leads to cannot be changed under a page that is shown already."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host_of(origin: str) -> str:
    """`http://name:port` → `name:port`."""
    return origin.partition("://")[2]


def _origin_refused(origin: str) -> InvalidRequest:
    return InvalidRequest(
        f"Web pages of the origin '{_shown(origin)}' may not call this server: name it in server.cors_origins.",
        status=403,
        code="origin_not_allowed",
    )


def _shown(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
