"""`BodyWriter`: pieces of an answer to the client's transport, with no message and no coroutine.

It is an extension of the ASGI scope: a server that has it puts it there for each request, beside what the server itself
has answered in the place of the application. Under another server there is neither, and whoever answers does without.
"""

from __future__ import annotations

from typing import Protocol

from starlette.types import Scope

from proxy.net.write_coalescing import CoalescingTransport, Outbox
from translators.errors import BridgeError

EXTENSION = "dragoman.body"
"""The name of the extension: `{"write": BodyWriter}`, and `"refusal"` where the server has answered."""


class FlowControl(Protocol):
    """Whether the client reads, as uvicorn tells it."""

    write_paused: bool


class BodyWriter:
    """Writes a piece of an answer that has begun and has no `content-length`: no message, no coroutine.

    Answers False, and has not written it, where the client does not read: then `send` has to wait for that.
    `wrote_at` is when something was last written, by the clock of the loop, as of the turn of the loop that did it.
    """

    __slots__ = ("_flow", "_outbox", "_write", "wrote_at")

    def __init__(self, transport: CoalescingTransport, flow: FlowControl, outbox: Outbox) -> None:
        self.wrote_at = 0.0
        self._write = transport.write
        self._flow = flow
        self._outbox = outbox

    def __call__(self, piece: bytes) -> bool:
        if self._flow.write_paused:
            return False
        self._write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wrote_at = self._outbox.read_at
        return True


def body_writer(scope: Scope) -> BodyWriter | None:
    """For the answer to this request, where the server is one that has it."""
    writer: BodyWriter | None = scope.get("extensions", {}).get(EXTENSION, {}).get("write")
    return writer


def server_refusal(scope: Scope) -> BridgeError | None:
    """What the server itself has answered to a request whose client then seems to have gone."""
    refusal: BridgeError | None = scope.get("extensions", {}).get(EXTENSION, {}).get("refusal")
    return refusal
