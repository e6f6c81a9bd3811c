"""`Visit`: one HTTP request or one WebSocket connection, from the door to its end."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from starlette.types import Scope

from proxy.callers import Caller
from proxy.ids import random_id
from proxy.telemetry.observer import Answering
from translators.ids import REQUEST

REQUEST_ID = "x-request-id"
WEBSOCKET = "WEBSOCKET"
"""Stands for the method of a connection that becomes a WebSocket."""
VISIT = "dragoman.visit"
"""The key under which the door puts the visit into the scope."""
# What is taken over from a client stands in logs and headers, here and upstream.
_SANE_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


class Visit:
    """Made by the door, found by `visit_of`.

    `headers` are the request's by lower-case name, with the visit's own `x-request-id` among them. `exchange` is set
    by whoever makes one, so that the log can tell of it.
    """

    __slots__ = ("caller", "exchange", "headers", "id", "method", "path", "started")

    def __init__(self, scope: Scope, headers: dict[str, str], caller: Caller) -> None:
        self.started = time.perf_counter()
        self.id = headers[REQUEST_ID] = request_id(headers)
        self.headers: Mapping[str, str] = headers
        self.caller = caller
        self.method: str = scope.get("method", WEBSOCKET)
        self.path: str = scope["path"]
        self.exchange: Answering | None = None

    def __repr__(self) -> str:
        return f"Visit({self.id}, {self.method} {self.path!r}, {self.caller.name!r})"


def request_id(headers: Mapping[str, str]) -> str:
    """The client's own, if it can stand in a log and a header, else a new one."""
    given = headers.get(REQUEST_ID)
    return given if given is not None and _SANE_ID.fullmatch(given) else random_id(REQUEST)


def visit_of(scope: Scope) -> Visit:
    """The visit that the door has put into the scope."""
    visit: Visit = scope[VISIT]
    return visit
