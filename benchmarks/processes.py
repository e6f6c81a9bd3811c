"""Server processes: started in a session of their own, watched through /proc as a whole tree, and always ended.

CPU is user and system time of the tree, with that of children which have ended; memory is the sum of resident sets.
"""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
READY_POLL = 0.005
_CPUCLOCK_SCHED = 2  # linux/posix-timers.h
STOP_GRACE = 3.0


class NotReady(Exception):
    """A server ended, or gave no good answer in time; the message closes with the end of its log."""


class Child:
    """One server's process tree. Leaving the `with` block ends all of it."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._log = log
        self._started = time.perf_counter()
        with log.open("wb") as out:
            # A session of its own: its process group is all that it starts, and can be ended as one.
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**_without_compiling(os.environ), **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait_ready(self, port: int, path: str | None, limit: float) -> float:
        """Seconds from the start to the first 200 from `path`, or without one to the first answer of any kind."""
        while (passed := time.perf_counter() - self._started) < limit:
            if self._process.poll() is not None:
                raise NotReady(f"{self.name} ended with code {self._process.returncode}: {self._log_end()}")
            status = _status(port, path or "/")
            if status == 200 or (status is not None and path is None):
                return time.perf_counter() - self._started
            time.sleep(READY_POLL)
        raise NotReady(f"{self.name} was not ready after {passed:.0f} s: {self._log_end()}")

    def cpu_seconds(self) -> float:
        tree = self._tree()
        return sum(_own_seconds(pid) for pid in tree) + sum(_ticks_of_ended(stat) for stat in tree.values()) / TICKS

    def resident_bytes(self) -> int:
        return sum(int(stat[21]) for stat in self._tree().values()) * PAGE

    def stop(self) -> None:
        """Ends the group: with SIGTERM, and what is left of it after a grace period with SIGKILL."""
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_GRACE)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return

    def _tree(self) -> dict[int, list[str]]:
        stats = _read_stats()
        known = {self._process.pid}
        # A child has its parent's number in its stat; a pass finds one generation more.
        while grown := {pid for pid, stat in stats.items() if int(stat[1]) in known} - known:
            known |= grown
        return {pid: stats[pid] for pid in known if pid in stats}

    def _log_end(self) -> str:
        return self._log.read_text(errors="replace")[-600:].strip()


def _without_compiling(environ: Mapping[str, str]) -> dict[str, str]:
    """An installed program starts from its byte code; a checkout must be allowed to write its own."""
    return {name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _status(port: int, path: str) -> int | None:
    """The status of one GET, or None where nothing answers yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _read_stats() -> dict[int, list[str]]:
    """The fields of every /proc/<pid>/stat behind the name, which may hold blanks: state, parent, …"""
    stats = {}
    for folder in os.listdir("/proc"):
        if not folder.isdigit():
            continue
        try:
            text = Path("/proc", folder, "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        stats[int(folder)] = text.rpartition(")")[2].split()
    return stats


def _own_seconds(pid: int) -> float:
    """The processor time of a process, with all its threads, to the nanosecond: /proc has it in ticks of 10 ms."""
    try:
        return time.clock_gettime(~pid << 3 | _CPUCLOCK_SCHED)  # what clock_getcpuclockid(3) makes of a pid
    except OSError:  # it has just ended
        return 0.0


def _ticks_of_ended(stat: list[str]) -> int:
    """User and system time of children that have ended and been waited for."""
    return sum(map(int, stat[13:15]))
