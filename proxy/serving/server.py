"""`DrainingServer`: uvicorn's server with a start and an end of its own.

uvicorn closes its listener first, which refuses whoever has not heard of the end yet, and cuts what is left in the
middle. Here a stop moves the process through the phases of `Drain`:

1. Readiness says 503. For `drain_delay` everything is served as before, but each answer is its connection's last.
2. The listener closes, connections without a request close, WebSockets take no new turn and close when idle.
3. Turns under way may end, for `drain_timeout`.
4. What is left then fails in words: `response.failed`, or an envelope with 503. It has `_TELLING_SECONDS` to be stored
   and sent. Whoever does not read it by then is cut off.
5. The application closes.

A second stop ends the waiting of 1 to 3 at once. What is used of uvicorn's insides stands in
`tests/serving/test_uvicorn.py`, which fails when it changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import msgspec
import uvicorn
from msgspec import Struct
from starlette.applications import Starlette

from proxy.process.drain import Drain
from proxy.serving.http_protocol import HttpProtocol

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.05
# For a slow client to take its last event, and for a slow database to store it.
_TELLING_SECONDS = 5.0
# For those whose request was cancelled to be told so.
_CUTTING_SECONDS = 1.0
# For the application to close its connections to upstreams and the store.
_CLOSING_SECONDS = 5.0


class DrainTimes(Struct, frozen=True):
    """In seconds, as the settings `server.drain_delay` and `server.drain_timeout` say. Someone `attended` watches the
    process from a terminal: then nothing in front of it has to be told that it leaves."""

    delay: float
    timeout: float
    attended: bool

    @property
    def most(self) -> float:
        """How long a process may take to its end."""
        return self.delay + self.timeout + _TELLING_SECONDS + _CUTTING_SECONDS + _CLOSING_SECONDS


class _Stop(Struct, frozen=True):
    """Why the process is to end, and whether it has to wait for those who do not know it yet."""

    reason: str
    patient: bool


class DrainingServer(uvicorn.Server):
    """`application` is opened by this server itself, so that what keeps it from starting is raised by `run`."""

    def __init__(
        self,
        settings: uvicorn.Config,
        application: Starlette,
        drain: Drain,
        times: DrainTimes,
        *,
        on_started: Callable[[], None],
    ) -> None:
        settings.lifespan = "off"
        super().__init__(settings)
        self._application = contextlib.AsyncExitStack()
        self._opens = application.router.lifespan_context(application)
        self._drain = drain
        self._times = times
        self._on_started = on_started
        self._loop: asyncio.AbstractEventLoop | None = None
        self._steps: deque[Callable[[], object]] = deque()
        self._stop: _Stop | None = None
        self._stopped = asyncio.Event()
        self._hurried = asyncio.Event()

    def stop(self, reason: str, *, patient: bool = True) -> None:
        """Asks for the end; a second time says nothing new. From any thread or signal handler, as the next two."""
        self.call(lambda: self._on_stop(_Stop(reason, patient)))

    def hurry(self) -> None:
        """Ends the waiting for whatever is waited for, once the end has been asked for."""
        self.call(self._hurried.set)

    def call(self, step: Callable[[], object]) -> None:
        """Runs a step on the event loop, as soon as there is one and while there is."""
        self._steps.append(step)  # before looking, so that whoever brings the loop finds it
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed: all is over
                self._loop.call_soon_threadsafe(self._run_steps)

    def _run_steps(self) -> None:
        while self._steps:
            self._steps.popleft()()

    def _on_stop(self, stop: _Stop) -> None:
        self._stop = self._stop or stop
        self._stopped.set()

    # --- what uvicorn calls ----------------------------------------------------------------------

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to whoever calls `stop`."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Raises what keeps the application from starting."""
        self._loop = asyncio.get_running_loop()
        self._run_steps()
        await self._application.enter_async_context(self._opens)
        await super().startup(sockets)
        if self._stop is None:
            self._on_started()
        else:  # nobody has been told of it
            self._stop = msgspec.structs.replace(self._stop, patient=False)

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._stopped.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        began = time.monotonic()
        assert self._stop is not None, "it has not been stopped"
        await self._serve_on(self._stop)
        await self._close_listeners(sockets or [])
        if not await self._idle_within(self._times.timeout):
            await self._end_turns()
        try:
            await asyncio.wait_for(self._application.aclose(), _CLOSING_SECONDS)
        except TimeoutError:
            _log.warning("the application did not close in time", extra={"seconds": _CLOSING_SECONDS})
        _log.info("drained", extra={"seconds": round(time.monotonic() - began, 1)})

    # --- the steps -------------------------------------------------------------------------------

    async def _serve_on(self, stop: _Stop) -> None:
        """Step 1."""
        self._drain.begin()
        for connection in self._http_connections():
            connection.retire()
        delay = self._times.delay
        if not stop.patient or (self._times.attended and self._idle):
            delay = 0.0
        _log.info("draining: not ready, still serving", extra={"asked_by": stop.reason, "seconds": delay})
        await self._unless_hurried(asyncio.sleep(delay))

    async def _close_listeners(self, sockets: list[socket.socket]) -> None:
        """Step 2."""
        for listener in sockets:
            await self._take_waiting(listener)
        for server in self.servers:
            server.close()
        for listener in sockets:
            listener.close()
        self._drain.close()
        for connection in self._http_connections():
            connection.go_when_idle()
        facts = {"connections": len(self.server_state.connections), "turns": len(self._drain.turns)}
        _log.info("draining: nothing new is taken", extra=facts)

    async def _take_waiting(self, listener: socket.socket) -> None:
        """Takes the connections that the kernel has made and nobody has seen: closing would reset them.

        Not more than it can have kept when this began: while they come as fast as they are taken, there is no end.
        """
        loop = asyncio.get_running_loop()
        listener.setblocking(False)
        for _ in range(self.config.backlog + 1):
            try:
                taken = listener.accept()[0]
            except OSError:
                return
            await loop.connect_accepted_socket(self._protocol, taken)

    def _protocol(self) -> asyncio.Protocol:
        """As `startup` of uvicorn makes it."""
        make: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = make(config=self.config, server_state=self.server_state, app_state={})
        return protocol

    async def _end_turns(self) -> None:
        """Step 4."""
        if not self._idle:
            _log.warning("draining: what is under way fails now", extra={"turns": len(self._drain.turns)})
        self._hurried.clear()
        self._drain.end()
        if await self._idle_within(_TELLING_SECONDS):
            return
        connections = list(self.server_state.connections)
        _log.warning("draining: what does not end is cut off", extra={"connections": len(connections)})
        for connection in connections:
            if not _is_unanswered(connection):
                connection.transport.abort()
        await asyncio.sleep(_POLL_SECONDS)  # so that they hear of it, and do not complain
        for task in list(self.server_state.tasks):
            task.cancel()
        await self._idle_within(_CUTTING_SECONDS)

    @property
    def _idle(self) -> bool:
        """Whether nobody is being answered, and nothing is being made for later."""
        return not (self.server_state.tasks or self._drain.turns)

    def _http_connections(self) -> list[HttpProtocol]:
        return [connection for connection in self.server_state.connections if isinstance(connection, HttpProtocol)]

    async def _idle_within(self, seconds: float) -> bool:
        """Waits until nothing is under way and nobody is connected, for so long, or until someone is in a hurry."""
        return await self._unless_hurried(self._until_idle(), seconds)

    async def _until_idle(self) -> None:
        while not self._idle or self.server_state.connections:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(_POLL_SECONDS)

    async def _unless_hurried(self, work: Coroutine[Any, Any, None], seconds: float | None = None) -> bool:
        """Whether the work came to its end within so many seconds, before somebody was in a hurry."""
        working = asyncio.ensure_future(work)
        hurried = asyncio.ensure_future(self._hurried.wait())
        done, rest = await asyncio.wait([working, hurried], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        return working in done


def _is_unanswered(connection: object) -> bool:
    """Whether a request came whole whose answer has not begun, so that the application can still give one."""
    cycle = connection.cycle if isinstance(connection, HttpProtocol) else None
    return cycle is not None and not cycle.response_started
