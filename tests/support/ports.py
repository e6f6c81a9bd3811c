"""`free_ports`: ports for programs that have to be told theirs."""

from __future__ import annotations

import contextlib
import random
import socket

# Below those that Linux and macOS give to outgoing connections, one of which would else take a port that was found
# free before the program is there.
_FIRST, _LAST = 15_000, 31_999


def free_ports(count: int) -> list[int]:
    """So many different ones of the loopback interface on which nothing listens."""
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        while len(found) < count:
            port = random.randint(_FIRST, _LAST)
            with contextlib.suppress(OSError):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
        return found
