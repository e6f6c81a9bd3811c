"""`BoundedProtocol`: a connection of uvicorn's that ends when it has to: in time, full, refused, or with the process.

A connection is in one of these states (`state`); `Connections` knows it as waiting, answered or lingering:

| state | what it is | what comes next | how long |
|---|---|---|---|
| new | its first head has not come whole | body, answering, refused | `head_timeout` from its start |
| head | it was idle, and a head has begun | the same | `head_timeout` from then on |
| body | a head has come, and its body has not | answering, refused | while it comes at its pace |
| answering | a request is whole, or its answer has begun | idle, closed | as the application likes |
| idle | all that was asked is answered | head | uvicorn's own timer |
| refused | the server has answered itself, and forgets what still comes | closed | `_LINGER_SECONDS` |
| closed | the transport is closing, or another protocol has it | nothing | |

Where an answer has begun before its request was whole, it is answering; what still comes of the body is held to its
pace all the same. Only what is new, a head, a body or idle gives way to a new connection (`give_way`). A refusal is
sent where no answer has begun, and otherwise the connection is closed: two answers would be mixed.

Subclasses read requests: they say when a request is `_whole`, and count in `_intake` what has come of one.
"""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from proxy.net.body_writer import EXTENSION, BodyWriter
from proxy.net.write_coalescing import CoalescingTransport, outbox_of
from proxy.process.drain import Drain
from proxy.serving.connections import ConnectionLimits, Connections
from proxy.serving.departure import ListenerProbe
from proxy.serving.intake import Intake
from proxy.serving.refusal import full, refusal_bytes, tell, timed_out
from translators.errors import BridgeError

# When the process closes: how often it is looked whether the head of a request has come, and how long apart. Together
# the longest round trip on earth, doubled.
_LOOKS, _LOOK_SECONDS = 6, 0.1
# How long what was sent before it knew of a refusal is read and forgotten: a connection that is closed with something
# unread is reset, and the client might lose the answer.
_LINGER_SECONDS = 2.0


class BoundedProtocol(HttpToolsProtocol):
    """`connections` are those of the process, with their limits; `drain` tells of its end, where answers that begin are
    the last of their connection."""

    _refusal: BridgeError | None = None
    _whole = True  # nothing is missing of the last request whose head was read
    _deadline: float | None = None
    _probe: ListenerProbe | None = None

    def __init__(
        self,
        *arguments: object,
        connections: Connections | None = None,
        drain: Drain | None = None,
        **options: object,
    ) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self._drain = drain or Drain()
        self._connections = connections or Connections(ConnectionLimits())
        self._limits = self._connections.limits
        self._intake = Intake(self._limits)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.state}, {self._intake!r})"

    @property
    def state(self) -> str:
        """In which of its states the connection is; a word for whoever looks."""
        if self._refusal is not None:
            return "refused"
        if self.transport is None or self.transport.is_closing():
            return "closed"
        if self._is_answered():
            return "answering"
        if self.cycle is None and self._whole:
            return "new"
        if self._reads_head():
            return "head"
        return "idle" if self._whole else "body"

    # --- its beginning and its end ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        self._outbox = outbox_of(self.loop)
        self._coalescing = CoalescingTransport(transport, self._outbox)
        super().connection_made(cast("asyncio.Transport", self._coalescing))
        self._body_writer = BodyWriter(self._coalescing, self.flow, self._outbox)
        self._deadline = self.loop.time() + self._limits.head_seconds
        self._connections.enter(self, self.loop)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.leave(self)
        if self._probe is not None:
            self._probe.stop()
        super().connection_lost(exc)
        # uvicorn leaves this timer where the connection was reset, and with it all that the last request has made.
        self._unset_keepalive_if_required()

    # --- limits ----------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        between_requests = self._whole and self.cycle is not None and not self._reads_head()
        if between_requests and self._refusal is None:
            return  # which has a timer of its own
        if self._deadline is None:
            self._deadline = now + (self._limits.head_seconds if self._whole else self._limits.body_seconds)
        elif now >= self._deadline:
            self._time_is_up(now)

    def give_way(self) -> bool:
        if self._is_answered():
            return False
        if self._whole or self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:
            why = "The server has as many connections as it may, and this one waited longest for the rest of a body"
            self._refuse(timed_out(why, "max_connections"))
        return True

    def turn_away(self) -> None:
        """Without a line in the log for each: they may be many."""
        if self.cycle is not None and not (self.cycle.response_complete and self._reads_head()):
            self.transport.close()  # the answer to a probe is on its way, or nobody waits for one
            return
        self._close_with(full(self._limits.connections))

    def _is_answered(self) -> bool:
        """Whether a request has come whole, or its answer has begun, and the answer has not ended."""
        if self.cycle is None or (self.cycle.response_complete and not self.pipeline):
            return False
        return self._whole or bool(self.pipeline) or self.cycle.response_started

    def _time_is_up(self, now: float) -> None:
        answered = self.cycle is None or self.cycle.response_complete
        if self._refusal is not None or (answered and not self._reads_head()):
            self.transport.close()
        elif self._whole:
            self._refuse(self._intake.late_head())
        elif self._intake.keeps_pace() or self.flow.read_paused:
            self._deadline = now + self._limits.body_seconds
        else:
            self._refuse(self._intake.late_body())

    def _reads_head(self) -> bool:
        """Whether a request has begun whose head has not ended."""
        return self.scope is not None and (self.cycle is None or self.cycle.scope is not self.scope)

    def _refuse(self, error: BridgeError) -> None:
        """Answers in the place of the application, which at most learns of it as of a client that left."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            if (observer := getattr(self.app, "observer", None)) is not None:
                tell(observer, error)
            self._close_with(error)
        elif self._reads_head() or cycle.response_started:
            self.transport.close()  # another answer is on its way, and would be mixed with this one
        else:
            cycle.scope["extensions"][EXTENSION]["refusal"] = error
            cycle.disconnected = True
            cycle.message_event.set()
            self._close_with(error)

    def _close_with(self, error: BridgeError) -> None:
        self._refusal = error
        self.transport.write(refusal_bytes(error))
        self._deadline = self.loop.time() + _LINGER_SECONDS
        if self._connections.linger(self, self.loop):
            self._coalescing.write_eof()
        else:
            self.transport.close()

    # --- between requests --------------------------------------------------------------------------

    def _rest(self) -> None:
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        self._connections.wait(self, self.loop)

    def _wait_for_head(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            if self._deadline is None:
                self._deadline = self.loop.time() + self._limits.head_seconds
            self._connections.wait(self, self.loop)

    def on_response_complete(self) -> None:
        if len(self.tasks) == 1:  # nobody else is being answered: nothing to wait for
            self._coalescing.flush()
        super().on_response_complete()
        if not self._whole:
            self._connections.read_body(self, self.loop)
        elif not self._is_answered():
            self._connections.wait(self, self.loop)

    # --- the end of the process ------------------------------------------------------------------

    def retire(self) -> None:
        """The answer under way, if there is one, is the last; its head says so if it has not been sent."""
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def go_when_idle(self) -> None:
        """Closes the connection if nothing is under way, and else behind the answer. Who has not yet sent the whole of
        a request gets a moment."""
        self.retire()
        if self.cycle is None or self._reads_head():
            self._await_request(_LOOKS)
        else:
            self.shutdown()

    def _await_request(self, looks: int) -> None:
        """Turn by turn of the loop: one that is late finds that time is up before it finds what has arrived."""
        if looks and (self.cycle is None or self._reads_head()):
            self.loop.call_later(_LOOK_SECONDS, self._await_request, looks - 1)
        else:
            self.shutdown()
