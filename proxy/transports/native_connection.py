"""One HTTP/1.1 connection of the native transport: one request at a time, its answer parsed as it arrives.

`begin()` writes a request, `head()` waits for the head of its answer; the body gathers in `parts`, for `wait()` and
`take()`.
`complete` means that no answer is outstanding, `failure` that the connection is dead; of both, `complete` counts first.
A wait only moves a deadline: the one timer of the connection looks at it when it fires.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from copy import copy
from typing import cast

import httptools

from proxy.net.write_coalescing import CoalescingTransport, outbox_of
from proxy.transports import ConnectionCut, Into, MalformedAnswer, TimedOut, TransportError
from proxy.transports.endpoint import Origin
from proxy.transports.fields import join_fields

# Unread bytes off the wire after which the socket is no longer read.
_HIGH_WATER = 1 << 18
# Bytes off the wire that go on in one turn of the event loop; with the read that goes over it, 384 KiB. A loop may
# hand over dozens of full reads at once (libuv: 32), and until their end nobody else would have a turn.
_TURN_LIMIT = 1 << 17
# Bytes that may come without one byte of body among them: a head, trailers, chunk extensions.
_OVERHEAD_LIMIT = 1 << 17
# A loop's timers may fire this much early.
_CLOCK_STEP = 0.002


class _Refused(Exception):
    """Stops the parser from inside one of its callbacks, and says why."""


class Connection(asyncio.Protocol):
    __slots__ = (
        "_between",
        "_deadline",
        "_ends_at",
        "_feed",
        "_fields",
        "_head_only",
        "_into",
        "_keep_alive",
        "_loop",
        "_lost",
        "_outbox",
        "_overhead",
        "_parser",
        "_paused",
        "_poured_at",
        "_timer",
        "_timer_at",
        "_transport",
        "_turn",
        "_unread",
        "_until_eof",
        "_unwritten",
        "_waiter",
        "complete",
        "failure",
        "headers",
        "on_body",
        "origin",
        "parts",
        "status",
    )

    def __init__(self, origin: Origin, loop: asyncio.AbstractEventLoop, lost: Callable[[Connection], None]) -> None:
        self.origin = origin
        self.status = 0
        self.headers: dict[str, str] = {}
        self.parts: list[bytes] = []
        self.complete = True
        self.failure: TransportError | None = None
        # The parser calls straight into the list: per chunk, no Python code runs.
        self.on_body = self.parts.append
        self._parser = httptools.HttpResponseParser(self)
        self._feed = self._parser.feed_data
        self._fields: list[tuple[bytes, bytes]] = []
        self._head_only = False
        self._until_eof = False
        self._keep_alive = False
        self._overhead = 0
        self._unread = 0
        self._turn = 0  # bytes poured since reading last began or went on
        self._paused = False
        self._loop = loop
        self._lost = lost
        self._outbox = outbox_of(loop)
        self._unwritten: tuple[bytes, ...] = ()
        self._transport: CoalescingTransport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._into: Into | None = None
        self._between = 0.0
        self._poured_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._deadline = 0.0
        self._ends_at = math.inf

    @property
    def answered(self) -> bool:
        """Has a byte of the current answer come?"""
        return self.status != 0 or self._overhead != 0

    @property
    def reusable(self) -> bool:
        return (
            self.complete
            and self._keep_alive
            and self.failure is None
            and self._transport is not None
            # An answer that overtook its request: the server may not read the rest of it.
            and self._transport.get_write_buffer_size() == 0
        )

    def broken(self, otherwise: str) -> TransportError:
        """What to raise of its failure, if it has one.

        A copy: by its traceback an error holds whoever raised it, and so would the connection that keeps it.
        """
        return ConnectionCut(otherwise) if self.failure is None else copy(self.failure)

    def begin(self, head: bytes, body: bytes | None, *, head_only: bool, ends_at: float = math.inf) -> None:
        """Writes a request. Where there is no connection yet, it leaves when one is made, before any task knows.

        No wait for its answer goes beyond `ends_at`, in the time of the loop.
        """
        self._ends_at = ends_at
        self.status = 0
        self.complete = self._until_eof = self._keep_alive = False
        self._head_only = head_only
        self._overhead = 0
        self._unwritten = (head,) if body is None else (head, body)
        if self._transport is not None:
            self._write(self._transport)

    def flush(self) -> None:
        """Lets go of what has been written, before the turn of the loop is over."""
        if self._transport is not None:
            self._transport.flush()

    async def head(self, seconds: float) -> None:
        """Waits for the head of the answer."""
        if not self.status and self.failure is None:
            try:
                await self.wait(seconds)
            except BaseException:
                self.abort()
                raise
        if not self.status:
            raise self.broken("the connection was closed")

    async def wait(self, seconds: float) -> None:
        """Until there is more than there was: the head, bytes of the body, the end, or a failure."""
        self._waiter = waiter = self._loop.create_future()
        self._deadline = deadline = min(self._loop.time() + seconds, self._ends_at)
        if self._timer is None or deadline < self._timer_at:
            self._set_timer(deadline)
        try:
            await waiter
        finally:
            # Another request's may be there already, where the answer was closed under its reader at its very end.
            if self._waiter is waiter:
                self._waiter = None

    async def pour(self, into: Into, seconds: float) -> None:
        """Until the answer ends or fails, or `into` takes no more: that gets the body as it arrives, in the callback of
        the event loop. Waking a task for every piece would cost as much as all that is done with it."""
        if self.complete or self.failure is not None:
            return
        self._into, self._between = into, seconds
        try:
            await self.wait(seconds)
        finally:
            self._into, self._between = None, 0.0

    def ended_late(self) -> bool:
        """Whether the time of an answer is over, of which there may always be more, so that nobody ever waits."""
        if self.complete or self._loop.time() <= self._ends_at:
            return False
        self._fail(_took_too_long())
        return True

    def take(self) -> bytes:
        """The bytes of the body that have arrived."""
        data = b"".join(self.parts)
        self.parts.clear()
        self._unread = 0
        if self._paused:
            self._resume()
        return data

    def abort(self) -> None:
        self._fail(ConnectionCut("the connection was closed by this side"))

    # The event loop's callbacks.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, since uvloop's transports are none of asyncio's classes.
        self._transport = CoalescingTransport(cast("asyncio.Transport", transport), self._outbox)
        if self.failure is None:
            self._write(self._transport)
        else:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            # httptools keeps what a callback raised as the context of its own error.
            reason = error.__context__ if isinstance(error.__context__, _Refused) else error
            self._fail(MalformedAnswer(f"the answer is not acceptable HTTP: {reason}"))
        parts = self.parts
        if not parts:
            self._overhead += len(data)
            if self._overhead > _OVERHEAD_LIMIT:
                self._fail(MalformedAnswer(f"more than {_OVERHEAD_LIMIT} bytes came without a byte of the body"))
        elif self._into is not None:
            self._overhead = 0
            outbox = self._outbox
            if not outbox.reading:
                outbox.begin_reading(self._loop.time())
            self._poured_at = outbox.read_at
            if len(parts) == 1:
                piece = parts.pop()
            else:
                piece = b"".join(parts)
                parts.clear()
            self._pour(self._into, piece)
            self._turn += len(data)
            if self._turn > _TURN_LIMIT:
                self._leave_the_turn()
        else:
            self._overhead = 0
            self._unread += len(data)
            if self._unread > _HIGH_WATER and not self._paused and self.failure is None:
                self._pause()
        if self.complete or parts:
            self._wake()

    def eof_received(self) -> None:
        self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        del self._parser, self._feed  # they hold this connection, as it holds them
        self._lost(self)

    # The parser's callbacks.

    def on_message_begin(self) -> None:
        if self.complete:
            raise _Refused("bytes came that answer no request")

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers come here too, and are dropped: nothing in them could still be acted on.
        if not self.status:
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        fields, self._fields = self._fields, []
        if status == 101:
            raise _Refused("the server switched protocols")
        if status < 200:
            return
        headers = self.headers = join_fields(fields)
        coding = headers.get("transfer-encoding")
        if coding is not None and coding.lower() != "chunked":
            raise _Refused("its transfer-encoding was not asked for")
        self.status = status
        self._keep_alive = self._parser.should_keep_alive()
        self._until_eof = coding is None and "content-length" not in headers
        self._wake()
        if self._head_only:
            # The parser cannot be told that no body follows, so it is of no use for a second answer.
            self._keep_alive = False
            self.complete = True
            raise _Refused("nothing may follow the head")

    def on_message_complete(self) -> None:
        if self.status:
            self.complete = True

    def _pour(self, into: Into, piece: bytes) -> None:
        try:
            if into(piece):
                return
        except Exception as error:  # the task that waits is told
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_exception(error)
        self._into = None
        self._wake()

    def _leave_the_turn(self) -> None:
        """To the others. What came in many turns is counted as well: to pause now and then for nothing costs less than
        to ask with each chunk whether the turn is a new one."""
        self._turn = 0
        if not self._paused and self.failure is None:
            self._pause()
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._unread <= _HIGH_WATER:
            self._resume()

    def _write(self, transport: CoalescingTransport) -> None:
        pieces, self._unwritten = self._unwritten, ()
        for piece in pieces:
            transport.write(piece)

    def _pause(self) -> None:
        if self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._paused and self._transport is not None and self.failure is None:
            self._paused = False
            self._transport.resume_reading()

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._check_deadline)

    def _check_deadline(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        deadline = min(max(self._deadline, self._poured_at + self._between), self._ends_at)
        if deadline - self._loop.time() > _CLOCK_STEP:
            self._set_timer(deadline)
        elif deadline == self._ends_at:
            self._fail(_took_too_long())
        elif self.status:
            self._fail(TimedOut("the answer fell silent", "between"))
        else:
            self._fail(TimedOut("no answer came in time", "first_byte"))

    def _end(self, error: Exception | None) -> None:
        """The peer ended the connection, or the network did."""
        if self._until_eof and error is None and self.failure is None:
            self.complete = True
        place = "body" if self.status else "head"
        cause = f": {error}" if error else ""
        self._fail(ConnectionCut(f"the connection ended inside the {place} of the answer{cause}"))

    def _fail(self, failure: TransportError) -> None:
        if self.failure is not None:
            return
        self.failure = failure
        self._wake()
        if self._transport is not None:
            self._transport.abort()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _took_too_long() -> TimedOut:
    return TimedOut("it took longer than it may as a whole (answer_timeout)", "total")
