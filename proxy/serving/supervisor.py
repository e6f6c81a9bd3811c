"""`Supervisor`: as many worker processes as are wanted, from the start to the end of all of them.

A worker that ends is replaced, at once at first and after a growing pause where that happens again and again. One that
cannot start while no other serves ends the supervisor, with what that worker said; with others at work it is tried
again, since what it lacks (a database, say) may come back. All are told of the end together, and what has not ended in
time is killed. How workers see to it that they do not outlive their supervisor is told in `worker.py`.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait

import msgspec

from proxy.serving.server import DrainTimes
from proxy.serving.signals import HANGUP_IGNORED, Signals, held_back
from proxy.serving.start_errors import StartError
from proxy.serving.worker import Hurry, NotStarted, Order, Report, Started, Stop, work

_log = logging.getLogger(__name__)

_SPAWN = multiprocessing.get_context("spawn")
_REPORT: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)

# A worker that ran for so long was sound: the pauses begin anew.
_STEADY_SECONDS = 60.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
# Beyond what a worker may take to its end: for a machine that is busy.
_KILL_SECONDS = 5.0


class _Worker:
    """One worker process."""

    def __init__(self, listener: socket.socket, *, attended: bool) -> None:
        self.control, theirs = _SPAWN.Pipe()
        self.born = time.monotonic()
        self.report: Report | None = None
        """The last that it said."""
        self.process = _SPAWN.Process(target=work, args=(listener, theirs, attended), name="dragoman-worker")
        with held_back():
            self.process.start()
        theirs.close()

    @property
    def serves(self) -> bool:
        return isinstance(self.report, Started)

    def tell(self, order: Order) -> None:
        with contextlib.suppress(OSError):  # it is gone, or about to
            self.control.send_bytes(msgspec.json.encode(order))

    def hear(self) -> None:
        """Takes what it has said."""
        try:
            while self.control.poll():
                self.report = _REPORT.decode(self.control.recv_bytes())
        except (EOFError, OSError):
            pass  # it has ended, which is seen by its process

    def end(self) -> None:
        """Of one that has ended: frees what it held here."""
        self.hear()
        self.process.join()
        self.control.close()


class Supervisor:
    """`run` it once."""

    def __init__(
        self,
        count: int,
        listener: socket.socket,
        times: DrainTimes,
        signals: Signals,
        *,
        on_started: Callable[[], None],
    ) -> None:
        self._count = count
        self._listener = listener
        self._times = times
        self._signals = signals
        self._on_started: Callable[[], None] | None = on_started
        self._workers: list[_Worker] = []
        self._missing: list[float] = []
        """When each replacement is to be started, by the monotonic clock."""
        self._pause = 0.0
        self._kill_at = float("inf")
        self._stopping = False
        self._failed: StartError | None = None

    def run(self) -> StartError | None:
        """Until all workers have ended; why, where that is no order's doing."""
        self._missing = [0.0] * self._count
        try:
            while self._workers or self._missing:
                self._replace()
                self._wait()
                for number in self._signals.take():
                    self._obey(number)
                for worker in list(self._workers):
                    self._look_at(worker)
                self._tell_when_started()
                self._kill_the_late()
        finally:
            for worker in self._workers:
                worker.process.kill()
                worker.end()
        return self._failed

    def _replace(self) -> None:
        now = time.monotonic()
        due = [moment for moment in self._missing if moment <= now]
        self._missing = [moment for moment in self._missing if moment > now]
        self._workers += [_Worker(self._listener, attended=self._times.attended) for _ in due]

    def _wait(self) -> None:
        """Until there is something to do."""
        next_ = min([*self._missing, self._kill_at])
        timeout = None if next_ == float("inf") else max(0.0, next_ - time.monotonic())
        heard: list[Connection] = [worker.control for worker in self._workers if not worker.control.closed]
        wait([self._signals.fileno(), *heard, *(worker.process.sentinel for worker in self._workers)], timeout)

    def _obey(self, number: signal.Signals) -> None:
        if number is signal.SIGHUP:
            _log.info(HANGUP_IGNORED)
        elif self._stopping:
            _log.info("asked again: ends at once", extra={"asked_by": number.name})
            self._tell_all(Hurry())
        else:
            self._stop(Stop(number.name, patient=not (self._times.attended and number is signal.SIGINT)))
            _log.info("all workers drain", extra={"asked_by": number.name, "workers": len(self._workers)})

    def _stop(self, order: Stop) -> None:
        """The workers have listeners of their own; with this one open the last of them would leave clients waiting."""
        self._stopping = True
        self._missing = []
        self._kill_at = time.monotonic() + self._times.most + _KILL_SECONDS
        self._listener.close()
        self._tell_all(order)

    def _tell_all(self, order: Order) -> None:
        for worker in self._workers:
            worker.tell(order)

    def _look_at(self, worker: _Worker) -> None:
        worker.hear()
        if worker.process.is_alive():
            return
        worker.end()
        self._workers.remove(worker)
        if self._stopping:
            return
        status = worker.process.exitcode
        if not worker.serves and not any(other.serves for other in self._workers):
            self._give_up(worker.report, status)
            return
        if time.monotonic() - worker.born > _STEADY_SECONDS:
            self._pause = 0.0
        facts = {"pid": worker.process.pid, "status": status, "seconds": self._pause}
        if isinstance(worker.report, NotStarted):
            _log.error("a worker could not start and is tried again", extra=facts | {"reason": worker.report.error})
        else:
            _log.warning("a worker has ended and is replaced", extra=facts)
        self._missing.append(time.monotonic() + self._pause)
        self._pause = min(_LONGEST_PAUSE_SECONDS, max(_FIRST_PAUSE_SECONDS, 2 * self._pause))

    def _give_up(self, report: Report | None, status: int | None) -> None:
        if isinstance(report, NotStarted):
            self._failed = StartError(report.error, report.status)
        else:
            self._failed = StartError(f"cannot start: a worker ended with status {status} before it served", 1)
        self._stop(Stop("a worker that cannot start", patient=False))

    def _tell_when_started(self) -> None:
        if self._on_started is None or self._stopping or len(self._workers) < self._count:
            return
        if all(worker.serves for worker in self._workers):
            self._on_started()
            self._on_started = None

    def _kill_the_late(self) -> None:
        if time.monotonic() < self._kill_at:
            return
        for worker in self._workers:
            _log.error("a worker did not end in time and is killed", extra={"pid": worker.process.pid})
            worker.process.kill()
        self._kill_at = float("inf")
