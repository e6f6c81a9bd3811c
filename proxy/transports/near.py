"""Servers on this machine: a connection to one is there as soon as it is asked for.

Elsewhere it takes a round trip, and the event loop tells when it is made. Here the kernel makes it in the very call
that asks for it, if the server listens. So a request can be written in the same step and need not wait for two turns of
the loop, each of which takes tens of milliseconds where a thousand streams have something to say.
"""

from __future__ import annotations

import socket
import sys
from ipaddress import ip_address
from typing import Any

from proxy.transports.endpoint import Endpoint, Origin


class NearServers:
    """Where connections went that stayed on this machine; so the first one to a server tells the way to it."""

    def __init__(self) -> None:
        self._addresses: dict[Origin, Any] = {}

    def learn(self, endpoint: Endpoint, peer: Any) -> None:
        """`peer` is the address on this machine that a connection to the endpoint has got."""
        if endpoint.scheme != "http" or sys.platform == "win32":  # Windows makes a connection one step later
            return
        # Of all names, `localhost` alone means this machine for ever (RFC 6761 6.3).
        if endpoint.host in ("localhost", peer[0]):
            self._addresses[endpoint.origin] = peer

    def connect(self, endpoint: Endpoint) -> socket.socket | None:
        """A socket that is connected or will refuse what is written to it; None where the event loop has to connect."""
        address = self._addresses.get(endpoint.origin)
        if address is None:
            return None
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        connecting = socket.socket(family, socket.SOCK_STREAM)
        connecting.setblocking(False)
        connecting.connect_ex(address)
        return connecting


def is_near(peer: Any) -> bool:
    """Whether an address, as the socket module has it, is one of this machine alone."""
    return ip_address(peer[0]).is_loopback
