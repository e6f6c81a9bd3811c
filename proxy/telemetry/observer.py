"""`Observer`: hears of every request that came in, and of every end of one, refused ones included.

The log and the metrics are two. They are called in the course of a request and must neither wait nor raise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

from proxy.upstream.plan import Route
from translators.errors import BridgeError
from translators.report import Adaptation
from translators.schema.responses import Response

Kind = Literal["request", "turn", "background"]
"""An HTTP request or WebSocket handshake; one response over a WebSocket; a response that nobody waited for."""
Outcome = Literal["answered", "refused", "failed", "client gone", "stopped", "mistake"]
"""`stopped` is what a server that ends broke off; `mistake` one of ours."""

CLIENT_GONE = 499
"""Stands for a status where the client left before it had one, as in nginx's log."""
OTHER_ROUTE = "other"


class Answering(Protocol):
    """What may be told of an exchange: it stands above whoever tells it."""

    @property
    def response(self) -> Response: ...

    @property
    def route(self) -> Route: ...

    @property
    def streamed(self) -> bool: ...

    @property
    def ended(self) -> bool: ...

    @property
    def error(self) -> BridgeError | None: ...

    @property
    def adaptations(self) -> Sequence[Adaptation]: ...


class Ending(Struct, frozen=True, kw_only=True):
    """How one piece of work ended.

    `route` is the template of the path (`/v1/responses/{response_id}`), of which there is a bounded number; `path` is
    what the client wrote. `status` is the HTTP status, or what it would be where the work had no answer of its own.
    `exchange` is the last one that the work made, if it made any.
    """

    kind: Kind
    request_id: str
    who: str
    method: str
    route: str
    path: str
    status: int
    outcome: Outcome
    seconds: float
    error: BridgeError | None = None
    exchange: Answering | None = None


RESPONSES = "/v1/responses"


def ending_of_response(
    kind: Kind,
    exchange: Answering | None,
    *,
    request_id: str,
    who: str,
    seconds: float,
    refusal: BridgeError | None = None,
    broken_off: Outcome = "stopped",
) -> Ending:
    """The end of a response that is no answer to a request of its own.

    `refusal` is why there was none; `broken_off` what it is called where it has no end.
    """
    error = refusal if refusal is not None or exchange is None else exchange.error
    outcome: Outcome = "answered"
    if refusal is not None:
        outcome = "refused"
    elif error is not None:
        outcome = "failed"
    elif exchange is not None and not exchange.ended:
        outcome = broken_off
    return Ending(
        kind=kind,
        request_id=request_id,
        who=who,
        method="",
        route=RESPONSES,
        path=RESPONSES,
        status=200 if error is None else error.status,
        outcome=outcome,
        seconds=seconds,
        error=error,
        exchange=exchange,
    )


class Observer:
    """Does nothing. An observer overrides what it wants to hear of."""

    def began(self, kind: Kind) -> None:
        """Is called when one piece of work has begun; its end follows, once."""

    def ended(self, ending: Ending) -> None:
        """Is called when one piece of work has ended, its answer included."""


class Observers(Observer):
    """Several as one. Nobody is called for what it does not override."""

    def __init__(self, *observers: Observer) -> None:
        self._began = [observer.began for observer in observers if type(observer).began is not Observer.began]
        self._ended = [observer.ended for observer in observers if type(observer).ended is not Observer.ended]

    def began(self, kind: Kind) -> None:
        for began in self._began:
            began(kind)

    def ended(self, ending: Ending) -> None:
        for ended in self._ended:
            ended(ending)
