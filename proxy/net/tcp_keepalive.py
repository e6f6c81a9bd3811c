"""Sockets whose peer may vanish without a word: a laptop that sleeps, a network that changed, a router that forgot.

The kernel asks a silent peer whether it is still there. That also keeps the connection known to what stands between: a
model may think for minutes before it says anything, and address translators forget a silent connection after four to
six (240 s at Azure, 350 s at AWS).
"""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Protocol

# Seconds of silence before the first question, and between two; after four without an answer the peer is gone.
_SILENCE, _BETWEEN, _QUESTIONS = 20, 10, 4
# Milliseconds until what was sent has to be acknowledged. Linux alone can do it, and waits as long for an answer to its
# questions then; elsewhere what was sent is given up after a quarter of an hour.
_UNACKNOWLEDGED = 120_000


class Socket(Protocol):
    """What an event loop gives as the socket of a connection is no `socket.socket`."""

    def setsockopt(self, level: int, option: int, value: int, /) -> None: ...


def enable_keepalive(connection: Socket) -> None:
    """For a connection, or for a listening socket, whose connections are born with it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # macOS has another name for the first; what a platform does not have stays as the system has it.
    _set(connection, "TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE", _SILENCE)
    _set(connection, "TCP_KEEPINTVL", _BETWEEN)
    _set(connection, "TCP_KEEPCNT", _QUESTIONS)


def limit_unacknowledged(connection: Socket) -> None:
    """For a peer that is certain to read: one that does not, for as long, is gone, too."""
    _set(connection, "TCP_USER_TIMEOUT", _UNACKNOWLEDGED)


def is_loopback(address: str) -> bool:
    """Whether a peer cannot vanish without a word: its kernel is this one. It may read nothing for as long as it is
    busy, which is no reason to give it up."""
    return ip_address(address.partition("%")[0]).is_loopback


def _set(connection: Socket, option: str, value: int) -> None:
    number: int | None = getattr(socket, option, None)
    if number is not None:
        connection.setsockopt(socket.IPPROTO_TCP, number, value)
